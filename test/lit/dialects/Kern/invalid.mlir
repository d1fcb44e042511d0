// Every constraint of the kern dialect is refused with its label and what was found.
// RUN: r1-opt %s --verify-diagnostics --split-input-file

func.func @constant_c1_literal_without_values() {
  // expected-error @+1 {{constant_c1: layout 'literal' with 0 sources and no values}}
  %c = kern.constant "literal" [1, 1, 4, 1] [] : tensor<4xf32>
  return
}

// -----

func.func @constant_c1_vector_with_values() {
  // expected-error @+1 {{constant_c1: layout 'vector' with 0 sources and values}}
  %c = kern.constant "vector" [1, 1, 4, 1] [] values [1.0, 2.0, 3.0, 4.0] : tensor<4xf32>
  return
}

// -----

func.func @constant_c1_without_sources() {
  // expected-error @+1 {{constant_c1: layout 'rows' with 0 sources and no values}}
  %c = kern.constant "rows" [1, 2, 16, 1] [] : tensor<2x16xf32>
  return
}

// -----

func.func @constant_c2_extents() {
  // expected-error @+1 {{constant_c2: expected [batch, n, k, accumulators], all positive}}
  %c = kern.constant "literal" [1, 0, 4, 1] [] values [1.0] : tensor<4xf32>
  return
}

// -----

func.func @constant_c2_rank() {
  // expected-error @+1 {{constant_c2: expected [batch, n, k, accumulators], all positive}}
  %c = kern.constant "literal" [1, 1, 4] [] values [1.0] : tensor<4xf32>
  return
}

// -----

// Rows 8 to 24 of a weight of 16 rows.
func.func @constant_c2_rows() {
  // expected-error @+1 {{constant_c2: source #kern.source<tensor = "a"}}
  %c = kern.constant "vnni16" [1, 16, 32, 1]
      [#kern.source<tensor = "a", scale = "", row_begin = 0, row_end = 16, col_begin = 0, col_end = 32, transposed = false, batch = 0, accumulator = 0, dest_row = 8>]
      : tensor<1024xi8>
  return
}

// -----

// Transposed, 16 rows of 32 become 32 rows of 16: too many columns' worth for k = 32.
func.func @constant_c2_transposed() {
  // expected-error @+1 {{constant_c2: source}}
  %c = kern.constant "vnni16" [1, 32, 32, 1]
      [#kern.source<tensor = "a", scale = "", row_begin = 0, row_end = 16, col_begin = 0, col_end = 32, transposed = true, batch = 0, accumulator = 0, dest_row = 0>]
      : tensor<2048xi8>
  return
}

// -----

func.func @constant_c2_batch() {
  // expected-error @+1 {{constant_c2: source}}
  %c = kern.constant "vnni16" [2, 16, 32, 1]
      [#kern.source<tensor = "a", scale = "", row_begin = 0, row_end = 16, col_begin = 0, col_end = 32, transposed = false, batch = 2, accumulator = 0, dest_row = 0>]
      : tensor<2048xi8>
  return
}

// -----

func.func @constant_c2_accumulator() {
  // expected-error @+1 {{constant_c2: source}}
  %c = kern.constant "vnni16" [1, 16, 32, 2]
      [#kern.source<tensor = "a", scale = "", row_begin = 0, row_end = 16, col_begin = 0, col_end = 32, transposed = false, batch = 0, accumulator = 2, dest_row = 0>]
      : tensor<2048xi8>
  return
}

// -----

func.func @slice_c1(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{slice_c1: columns from 24 of 'tensor<?x32xf32>' as 'tensor<?x16xf32>'}}
  %y = kern.slice %x[24] : (tensor<?x32xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @slice_c1_type(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{slice_c1: columns from 0 of 'tensor<?x32xf32>' as 'tensor<?x16xbf16>'}}
  %y = kern.slice %x[0] : (tensor<?x32xf32>) -> tensor<?x16xbf16>
  return
}

// -----

func.func @dispatch_c1_inputs(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c1: fixed does not fit 1 operands and 1 results}}
  %y = kern.dispatch "a" {}(%x) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}

// -----

func.func @dispatch_c1_outputs(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c1: fixed does not fit 1 operands and 1 results}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 2] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}

// -----

func.func @dispatch_c2_lists(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c2: 0 holes but 1 lists of their operands}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes [array<i64>]
  return
}

// -----

func.func @dispatch_c2_operand(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c2: a hole reads an operand that does not exist}}
  %y = kern.dispatch "a" {}(%x) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32>
      holes [array<i64: 1>] {
      ^bb0(%a: f32):
        kern.yield %a : f32
      }
  return
}

// -----

func.func @dispatch_c3_argument(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c3: a hole takes f32 values and ends in kern.yield}}
  %y = kern.dispatch "a" {}(%x) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32>
      holes [array<i64: 0>] {
      ^bb0(%a: bf16):
        %b = arith.extf %a : bf16 to f32
        kern.yield %b : f32
      }
  return
}

// -----

func.func @dispatch_c3_too_few(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c3: a hole takes f32 values and ends in kern.yield}}
  %y = kern.dispatch "a" {}(%x) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32>
      holes [array<i64: 0, 0>] {
      ^bb0(%a: f32):
        kern.yield %a : f32
      }
  return
}

// -----

func.func @dispatch_c4_odd(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c4: the grid is a list of (dimension, positive value) pairs}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 1] grid [0, 1, -1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}

// -----

func.func @dispatch_c4_dimension(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c4: the grid is a list of (dimension, positive value) pairs}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 1] grid [3, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}

// -----

func.func @dispatch_c4_value(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c4: the grid is a list of (dimension, positive value) pairs}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 1] grid [0, 0] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}

// -----

func.func @dispatch_c5_buffer(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c5}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} attributes {maps = [#kern.tensor_map<argument = 2, type = bf16, extents = [32, 8], strides = [64], box = [32, 8], swizzle = 64>]} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}

// -----

func.func @dispatch_c5_strides(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{dispatch_c5}}
  %y = kern.dispatch "a" {}(%x) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} attributes {maps = [#kern.tensor_map<argument = 0, type = bf16, extents = [32, 8], strides = [], box = [32, 8], swizzle = 64>]} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return
}
