// Grows with the API.
