//! This project's allocator; with the argument `off`, with no engine.

#[global_allocator]
static ALLOC: highwater_alloc::Alloc = highwater_alloc::Alloc::new();

fn main() {
    if std::env::args().any(|argument| argument == "off") {
        highwater_alloc::Engine::Off.choose().expect("it is the allocator");
    }
    highwater_alloc_cost::serve();
}
