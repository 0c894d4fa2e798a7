"""`/partitions`: the state of partitions, and operators' actions on them."""
