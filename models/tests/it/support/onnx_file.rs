//! Writes the smallest ONNX models: one input that is added, times zero, to a constant output.
//!
//! Field numbers are those of `onnx.proto3`. Enough for a test to say what a model answers.

/// Element types of `TensorProto`.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const DOUBLE: u64 = 11;

/// A model that answers `data` of `output.1`, whatever the f32 tensor `input` of its shape says.
pub(crate) fn constant(input: (&str, &[i64]), output: (&str, &[i64]), data: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    model(input, output, FLOAT, &raw)
}

/// The same with an output of f64.
pub(crate) fn constant_f64(input: (&str, &[i64]), output: (&str, &[i64])) -> Vec<u8> {
    let count: i64 = output.1.iter().product();
    model(input, output, DOUBLE, &vec![0; 8 * count as usize])
}

fn model(input: (&str, &[i64]), output: (&str, &[i64]), kind: u64, raw: &[u8]) -> Vec<u8> {
    let mut tensor = Message::default();
    for &dim in output.1 {
        tensor.number(1, dim as u64);
    }
    tensor.number(2, kind).bytes(9, raw);
    let mut value = Message::default();
    value.text(1, "value").message(5, &tensor).number(20, 4); // type TENSOR
    let mut node = Message::default();
    node.text(2, output.0).text(4, "Constant").message(5, &value);

    let mut graph = Message::default();
    graph.message(1, &node).text(2, "constant");
    graph.message(11, &value_info(input, FLOAT)).message(12, &value_info(output, kind));
    let mut opset = Message::default();
    opset.text(1, "").number(2, 13);
    let mut model = Message::default();
    model.number(1, 8).message(7, &graph).message(8, &opset);
    model.0
}

fn value_info((name, shape): (&str, &[i64]), kind: u64) -> Message {
    let mut dims = Message::default();
    for &dim in shape {
        let mut message = Message::default();
        message.number(1, dim as u64);
        dims.message(1, &message);
    }
    let mut tensor = Message::default();
    tensor.number(1, kind).message(2, &dims);
    let mut of_type = Message::default();
    of_type.message(1, &tensor);
    let mut info = Message::default();
    info.text(1, name).message(2, &of_type);
    info
}

/// A protobuf message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, field: u64, text: &str) -> &mut Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(&mut self, field: u64, message: &Self) -> &mut Self {
        self.bytes(field, &message.0)
    }
}
