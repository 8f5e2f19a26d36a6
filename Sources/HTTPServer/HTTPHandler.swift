// Grows with the engine.
