"""A blog's photographs: what is put into a bucket gets a thumbnail."""
