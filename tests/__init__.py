"""The tests of tradecapture; README.md says which promise each keeps."""
