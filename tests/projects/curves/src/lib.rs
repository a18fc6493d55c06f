//! Nothing: the bench brings its own code.
