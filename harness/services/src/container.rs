//! What the servers in containers have in common: what else can be had where there is no container.

use highwater::ServiceError;

/// The error, whose remedy names the kinds of server that need no Docker as well.
pub(crate) fn with_alternative(error: ServiceError) -> ServiceError {
    let others = "HIGHWATER_SERVICES=embedded and local need no Docker";
    let remedy = error.remedy.as_ref().map_or_else(|| others.to_owned(), |remedy| format!("{remedy}; {others}"));
    error.remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_added_to_and_not_replaced() {
        let text =
            with_alternative(ServiceError::new("reach Docker", "no such file").remedy("start Docker")).to_string();
        assert_eq!(
            text,
            "failed to reach Docker: no such file; start Docker; HIGHWATER_SERVICES=embedded and local need no Docker"
        );
    }
}
