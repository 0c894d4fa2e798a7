"""The page docs/scaling.md and its plot, made from results."""
