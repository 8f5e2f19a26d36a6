// Grows with the registry.
