//! Peak bytes as criterion measures: how they are added, shown and told apart. Where they come from is `measure`'s.

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter};

/// Peak bytes as a criterion [`Measurement`]: its reports, comparisons and named baselines then hold for them.
///
/// A bench gives them with `iter_custom`; there is nothing that it could start and end by itself.
#[derive(Debug, Clone, Copy)]
pub struct PeakBytes;

impl Measurement for PeakBytes {
    type Intermediate = ();
    type Value = f64;

    fn start(&self) {
        unreachable!("peak bytes are counted in children, and given with `iter_custom`")
    }

    fn end(&self, (): ()) -> f64 {
        unreachable!("peak bytes are counted in children, and given with `iter_custom`")
    }

    fn add(&self, one: &f64, other: &f64) -> f64 {
        one + other
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

const UNITS: [(&str, f64); 4] = [("B", 1.0), ("KiB", 1_024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];

impl ValueFormatter for PeakBytes {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        let fits = |(_, size): &&(&str, f64)| typical.abs() >= 10.0 * size;
        let (unit, size) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
        values.iter_mut().for_each(|value| *value /= size);
        unit
    }

    /// Bytes have no throughput: they are told as they are.
    fn scale_throughputs(&self, typical: f64, _: &Throughput, values: &mut [f64]) -> &'static str {
        self.scale_values(typical, values)
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "B"
    }
}

/// The samples for criterion's statistics. A workload that is the same in every run has peaks without any variance, and of that a
/// density, a t-test and their pictures are no numbers. A count of bytes is known to the byte, no better: samples that are all the same
/// are spread evenly within half a byte to either side, which leaves their mean and median.
pub(crate) fn spread_out(peaks: &[i64]) -> Vec<f64> {
    let same = peaks.windows(2).all(|pair| pair[0] == pair[1]) && peaks.first() != Some(&0);
    let count = peaks.len() as f64;
    let within_half_a_byte = |i: usize| if same { (i as f64 + 0.5) / count - 0.5 } else { 0.0 };
    peaks.iter().enumerate().map(|(i, peak)| *peak as f64 + within_half_a_byte(i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_a_binary_unit() {
        for (bytes, shown) in [(500.0, "500.00 B"), (20_480.0, "20.000 KiB"), (22_020_096.0, "21.000 MiB")] {
            assert_eq!(PeakBytes.format_value(bytes).trim(), shown);
        }
    }

    #[test]
    fn the_same_bytes_are_spread_below_what_is_known_of_them() {
        let spread = spread_out(&[190_000_000; 10]);
        assert!(spread.windows(2).all(|pair| pair[0] < pair[1]), "{spread:?}");
        assert!(spread.iter().all(|value| value.round() == 190_000_000.0), "{spread:?}");
        assert_eq!(spread.iter().sum::<f64>() / 10.0, 190_000_000.0);
        assert_eq!(spread_out(&[1, 2, 2]), [1.0, 2.0, 2.0]);
    }
}
