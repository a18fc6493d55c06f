//! What the baselines of the suite `write-buffers` say of two clients of Postgres, as its README tells it: what stays after a large
//! statement is linear in connections and flat per sync, and the gate tells it from batches. The suite itself runs with all tests.

use highwater_model::{Amount, Baseline, Engine, Measurement, Metric, Sample, Verdict, compare};

use crate::project::root;

/// The bytes of the rows that each connection sends.
const IMPORT: i64 = 8 << 20;

fn baseline(scenario: &str) -> Baseline {
    let folder = root().join("baselines/write-buffers").join(scenario);
    let path = folder.join("x86_64-unknown-linux-gnu.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Baseline::parse(&text).unwrap()
}

fn accepted(scenario: &str, metric: Metric) -> i64 {
    baseline(scenario).metrics[&metric].spread.median
}

fn retained(scenario: &str) -> i64 {
    accepted(scenario, Metric::RetainedBytes)
}

#[test]
fn what_a_client_keeps_is_linear_in_connections_and_flat_per_sync() {
    for client in ["tokio-postgres", "sqlx"] {
        let one = retained(&format!("{client}-whole-1"));
        assert!(one > IMPORT, "{client} keeps {one}");
        for connections in [1, 2, 4, 8] {
            let scenario = format!("{client}-whole-{connections}");
            let kept = retained(&scenario);
            assert!((kept - connections * one).abs() < kept / 50, "{scenario} keeps {kept}, and one connection {one}");
            assert_eq!(accepted(&scenario, Metric::GrowthBytes), 0, "{scenario}");
        }
        let (whole, batched) = (retained(&format!("{client}-whole-8")), retained(&format!("{client}-batched-8")));
        assert!(batched * 10 < whole, "{client} keeps {batched} of batches, and {whole} of whole statements");
    }
    assert!(retained("sqlx-shrunk-8") * 100 < retained("sqlx-whole-8"));
}

#[test]
fn the_gate_tells_a_whole_statement_from_batches_and_names_who_keeps_it() {
    for (client, site) in [("tokio-postgres", "tokio_postgres::"), ("sqlx", "sqlx_core::")] {
        let (batched, whole) = (baseline(&format!("{client}-batched-8")), baseline(&format!("{client}-whole-8")));
        // A run of the scenario with batches that has the numbers of whole statements.
        let metrics = whole.metrics.iter().map(|(metric, accepted)| (*metric, accepted.spread.median)).collect();
        let tolerances = &batched.metrics;
        let run = Measurement {
            samples: vec![Sample { metrics, ..Sample::default() }],
            tolerances: tolerances.iter().filter_map(|(metric, found)| Some((*metric, found.tolerance?))).collect(),
            ..Measurement::new(Engine::Counting, whole.provenance.clone(), whole.workload.clone())
        };
        let compared = compare(&run, &batched);
        let of_metric = compared.metric(Metric::RetainedBytes).unwrap();
        assert_eq!(of_metric.verdict, Some(Verdict::Regressed), "{client}: {compared:?}");

        let sites = whole.sites.unwrap().retained.sites;
        let bytes = |amount: &Amount| amount.bytes;
        let (largest, _) = sites.iter().max_by_key(|(_, amount)| bytes(amount)).unwrap();
        assert!(largest.contains(site), "{client}: the largest site is {largest}");
    }
}
