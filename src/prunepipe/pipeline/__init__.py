"""The stages of the pipeline, one library function each; their scripts only read, call and write."""
