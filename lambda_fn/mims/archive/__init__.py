"""The bytes of a `model.tar.gz` → its members."""
