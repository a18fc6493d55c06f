//! Results as JSON, for scripts.

use serde::Serialize;

/// Results as an array in JSON, with a final newline. A [`ScenarioResult`](highwater_model::ScenarioResult) has the form of a
/// scenario's `result.json`.
pub fn json<R: Serialize>(results: &[R]) -> String {
    let mut text = serde_json::to_string_pretty(results).expect("a result has string keys and finite numbers only");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use highwater_model::ScenarioResult;

    use super::*;
    use crate::example;

    #[test]
    fn the_array_holds_the_results_themselves() {
        let results = vec![example::within(), example::failed()];
        assert_eq!(serde_json::from_str::<Vec<ScenarioResult>>(&json(&results)).unwrap(), results);
        assert_eq!(json::<ScenarioResult>(&[]), "[]\n");
    }
}
