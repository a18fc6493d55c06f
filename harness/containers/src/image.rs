//! The names of images: `postgres:15`, `registry.example:5000/team/postgres@sha256:..`.

/// An image's name and tag. Without a tag it is `latest`, as everywhere; a digest stands for the tag.
pub(crate) fn name_and_tag(image: &str) -> (String, String) {
    // What is before the last slash may hold the port of a registry.
    let start = image.rfind('/').map_or(0, |at| at + 1);
    match image[start..].rfind(':') {
        Some(at) => (image[..start + at].to_owned(), image[start + at + 1..].to_owned()),
        None => (image.to_owned(), "latest".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_follows_the_last_colon_of_the_last_part() {
        let check = |image: &str, name: &str, tag: &str| {
            assert_eq!(name_and_tag(image), (name.to_owned(), tag.to_owned()), "{image}");
        };
        check("postgres:15", "postgres", "15");
        check("postgres", "postgres", "latest");
        check("localhost:5000/postgres", "localhost:5000/postgres", "latest");
        check("localhost:5000/team/postgres:17-alpine", "localhost:5000/team/postgres", "17-alpine");
        // testcontainers joins both with a colon.
        check("postgres@sha256:ab12", "postgres@sha256", "ab12");
    }
}
