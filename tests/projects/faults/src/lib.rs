//! Nothing: the scenarios bring their own code.
