"""Methods, a module each, written by chemists."""
