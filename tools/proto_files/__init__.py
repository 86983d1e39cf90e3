"""The text of .proto files: writing it from descriptors, and keeping its comments."""
