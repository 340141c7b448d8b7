"""The outbox: batches go to a stream in Redis, from where relays send them. Imported where the option asks for it."""
