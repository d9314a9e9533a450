"""What is known of a workspace without any model: its files, and an index that predicts from them."""
