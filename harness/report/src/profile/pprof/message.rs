//! The messages of pprof's `profile.proto` that are written, and their encoding. What is put into them is left to `pprof`.
//!
//! Names and numbers of the fields are those of <https://github.com/google/pprof/blob/main/proto/profile.proto>; a field that is
//! always 0 here is left out.

use prost::encoding::{bool, bytes, int64, string, uint64};

/// A whole profile.
pub(crate) struct Profile {
    pub(crate) sample_type: Vec<ValueType>,
    pub(crate) sample: Vec<Sample>,
    pub(crate) mapping: Mapping,
    pub(crate) location: Vec<Location>,
    pub(crate) function: Vec<Function>,
    /// All texts; other messages refer to them by index. The first is empty.
    pub(crate) string_table: Vec<String>,
    pub(crate) period_type: ValueType,
    pub(crate) period: i64,
    /// Index of the name of the sample type that tools show first.
    pub(crate) default_sample_type: i64,
}

/// What a number means: two indices of texts.
pub(crate) struct ValueType {
    pub(crate) r#type: i64,
    pub(crate) unit: i64,
}

/// A call stack, innermost first, and one number for each sample type.
pub(crate) struct Sample {
    pub(crate) location_id: Vec<u64>,
    pub(crate) value: Vec<i64>,
}

/// A binary.
pub(crate) struct Mapping {
    pub(crate) id: u64,
    pub(crate) filename: i64,
    pub(crate) has_functions: bool,
    pub(crate) has_filenames: bool,
    pub(crate) has_line_numbers: bool,
    pub(crate) has_inline_frames: bool,
}

/// A place in a binary.
pub(crate) struct Location {
    pub(crate) id: u64,
    pub(crate) mapping_id: u64,
    pub(crate) line: Line,
}

/// A line of a function.
pub(crate) struct Line {
    pub(crate) function_id: u64,
    pub(crate) line: i64,
}

/// A function.
pub(crate) struct Function {
    pub(crate) id: u64,
    pub(crate) name: i64,
    pub(crate) system_name: i64,
    pub(crate) filename: i64,
}

/// What can be a field of another message: there it is its bytes, behind their number.
trait Message {
    /// Appends the fields, in the order of their numbers.
    fn encode_fields(&self, buffer: &mut Vec<u8>);
}

fn nested(tag: u32, message: &impl Message, buffer: &mut Vec<u8>) {
    let mut fields = Vec::new();
    message.encode_fields(&mut fields);
    bytes::encode(tag, &fields, buffer);
}

fn repeated(tag: u32, messages: &[impl Message], buffer: &mut Vec<u8>) {
    for message in messages {
        nested(tag, message, buffer);
    }
}

impl Profile {
    /// The bytes of the message.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        repeated(1, &self.sample_type, &mut buffer);
        repeated(2, &self.sample, &mut buffer);
        nested(3, &self.mapping, &mut buffer);
        repeated(4, &self.location, &mut buffer);
        repeated(5, &self.function, &mut buffer);
        string::encode_repeated(6, &self.string_table, &mut buffer);
        nested(11, &self.period_type, &mut buffer);
        int64::encode(12, &self.period, &mut buffer);
        int64::encode(14, &self.default_sample_type, &mut buffer);
        buffer
    }
}

impl Message for ValueType {
    fn encode_fields(&self, buffer: &mut Vec<u8>) {
        int64::encode(1, &self.r#type, buffer);
        int64::encode(2, &self.unit, buffer);
    }
}

impl Message for Sample {
    fn encode_fields(&self, buffer: &mut Vec<u8>) {
        uint64::encode_packed(1, &self.location_id, buffer);
        int64::encode_packed(2, &self.value, buffer);
    }
}

impl Message for Mapping {
    fn encode_fields(&self, buffer: &mut Vec<u8>) {
        uint64::encode(1, &self.id, buffer);
        int64::encode(5, &self.filename, buffer);
        bool::encode(7, &self.has_functions, buffer);
        bool::encode(8, &self.has_filenames, buffer);
        bool::encode(9, &self.has_line_numbers, buffer);
        bool::encode(10, &self.has_inline_frames, buffer);
    }
}

impl Message for Location {
    fn encode_fields(&self, buffer: &mut Vec<u8>) {
        uint64::encode(1, &self.id, buffer);
        uint64::encode(2, &self.mapping_id, buffer);
        nested(4, &self.line, buffer);
    }
}

impl Message for Line {
    fn encode_fields(&self, buffer: &mut Vec<u8>) {
        uint64::encode(1, &self.function_id, buffer);
        int64::encode(2, &self.line, buffer);
    }
}

impl Message for Function {
    fn encode_fields(&self, buffer: &mut Vec<u8>) {
        uint64::encode(1, &self.id, buffer);
        int64::encode(2, &self.name, buffer);
        int64::encode(3, &self.system_name, buffer);
        int64::encode(4, &self.filename, buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, after <https://protobuf.dev/programming-guides/encoding/>: a key is the field's number times 8, plus 0 for a number
    /// and 2 for bytes.
    #[test]
    fn a_profile_is_encoded_as_protobuf_has_it() {
        let profile = Profile {
            sample_type: vec![ValueType { r#type: 1, unit: 2 }, ValueType { r#type: 3, unit: 4 }],
            sample: vec![Sample { location_id: vec![1, 300], value: vec![-1, 5] }],
            mapping: Mapping {
                id: 1,
                filename: 6,
                has_functions: true,
                has_filenames: true,
                has_line_numbers: true,
                has_inline_frames: false,
            },
            location: vec![Location { id: 1, mapping_id: 1, line: Line { function_id: 1, line: 42 } }],
            function: vec![Function { id: 1, name: 7, system_name: 8, filename: 9 }],
            string_table: vec![String::new(), "é".to_owned()],
            period_type: ValueType { r#type: 1, unit: 2 },
            period: 1,
            default_sample_type: 3,
        };
        let expected: [&[u8]; 11] = [
            &[0x0a, 4, 0x08, 1, 0x10, 2],
            &[0x0a, 4, 0x08, 3, 0x10, 4],
            // 300 is two bytes, and -1, as all that is negative, ten.
            &[0x12, 18, 0x0a, 3, 1, 0xac, 2, 0x12, 11, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 5],
            &[0x1a, 12, 0x08, 1, 0x28, 6, 0x38, 1, 0x40, 1, 0x48, 1, 0x50, 0],
            &[0x22, 10, 0x08, 1, 0x10, 1, 0x22, 4, 0x08, 1, 0x10, 42],
            &[0x2a, 8, 0x08, 1, 0x10, 7, 0x18, 8, 0x20, 9],
            &[0x32, 0],
            &[0x32, 2, 0xc3, 0xa9],
            &[0x5a, 4, 0x08, 1, 0x10, 2],
            &[0x60, 1],
            &[0x70, 3],
        ];
        assert_eq!(profile.encode(), expected.concat());
    }
}
