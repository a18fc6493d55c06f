//! Call stacks as an engine recorded them, before anything is named or trimmed. Reading them from dhat's output is left to
//! `dhat`, naming them to `normalise`.

use std::collections::HashMap;
use std::iter::Sum;
use std::ops::AddAssign;
use std::sync::Arc;

use highwater_model::Amount;

/// What one call stack, or one site, allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Allocated, freed or not.
    pub total: Amount,
    /// Live at the moment when the whole process had most bytes live (dhat calls it t-gmax).
    pub peak: Amount,
    /// Live at the end.
    pub retained: Amount,
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.peak += other.peak;
        self.retained += other.retained;
    }
}

impl Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), |mut sum, amounts| {
            sum += amounts;
            sum
        })
    }
}

/// One of the [`Amounts`]: what sites are listed, compared and drawn by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Live at the peak.
    Peak,
    /// Live at the end.
    Retained,
    /// Allocated, freed or not.
    Total,
}

impl Measure {
    /// This one of `amounts`.
    pub fn of(self, amounts: &Amounts) -> Amount {
        match self {
            Self::Peak => amounts.peak,
            Self::Retained => amounts.retained,
            Self::Total => amounts.total,
        }
    }
}

/// One function in a call stack. An inlined function is a frame of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RawFrame {
    /// The symbol, mangled or not; absent where there is none.
    pub function: Option<String>,
    /// The source file, absolute or as the compiler recorded it.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
}

/// One call stack and what was allocated by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawStack {
    /// Innermost first: the allocator's own functions, if they were recorded, come before the functions that call it.
    pub frames: Vec<Arc<RawFrame>>,
    /// What it allocated.
    pub amounts: Amounts,
}

/// One call stack by the addresses of its instructions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressStack {
    /// Innermost first.
    pub addresses: Vec<u64>,
    /// What it allocated.
    pub amounts: Amounts,
}

/// Gives call stacks their names. `frames_at` is asked once for each address and answers with the functions there, innermost first:
/// several where functions were inlined, none where nothing is known.
///
/// An address that a stack holds is that of the instruction *after* the call; whoever looks it up in line tables takes one off.
pub fn symbolise(
    stacks: impl IntoIterator<Item = AddressStack>,
    mut frames_at: impl FnMut(u64) -> Vec<RawFrame>,
) -> Vec<RawStack> {
    let mut known: HashMap<u64, Vec<Arc<RawFrame>>> = HashMap::new();
    let mut symbolise_one = |AddressStack { addresses, amounts }: AddressStack| {
        let mut frames = Vec::new();
        for address in addresses {
            let here = known.entry(address).or_insert_with(|| frames_at(address).into_iter().map(Arc::new).collect());
            frames.extend(here.iter().cloned());
        }
        RawStack { frames, amounts }
    };
    stacks.into_iter().map(&mut symbolise_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_looked_up_once_and_yields_all_functions_inlined_there() {
        let stack = |addresses: &[u64]| AddressStack { addresses: addresses.to_vec(), amounts: Amounts::default() };
        let mut asked = Vec::new();
        let stacks = symbolise([stack(&[1, 2]), stack(&[3, 2])], |address| {
            asked.push(address);
            let frame = |function: &str| RawFrame { function: Some(function.to_owned()), file: None, line: Some(7) };
            match address {
                1 => vec![frame("inlined"), frame("into")],
                2 => vec![frame("main")],
                _ => Vec::new(),
            }
        });
        let names = |stack: &RawStack| stack.frames.iter().filter_map(|f| f.function.clone()).collect::<Vec<_>>();
        assert_eq!(names(&stacks[0]), ["inlined", "into", "main"]);
        assert_eq!(names(&stacks[1]), ["main"]);
        assert_eq!(asked, [1, 2, 3]);
    }
}
