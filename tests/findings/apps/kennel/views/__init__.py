"""Pages of the shelter, by who uses them."""
