"""A model's members → its input fields."""
