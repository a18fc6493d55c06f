//! The service Redis: what its commands answer, on the embedded server and on a real one, and how its kinds begin and end.

mod commands;
mod lifecycle;
mod scripts;
mod support;
