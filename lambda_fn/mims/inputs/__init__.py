"""A model's files → its input fields."""
