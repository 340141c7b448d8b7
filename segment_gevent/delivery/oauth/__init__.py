"""OAuth: the token that batches carry, who asks for it, and the key that signs for it."""
