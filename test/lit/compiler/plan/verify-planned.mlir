// The end of the phase checks what code generation and the runtime rely on: weights apart, kernels that exist, enough arguments.
// RUN: r1-opt %s --r1-verify-planned --verify-diagnostics --split-input-file | FileCheck %s

// CHECK: plan.entry @fine
module attributes {plan.segment_bytes = array<i64: 256, 512>} {
  plan.tensor "a" "literal" [1, 1, 2, 1] [] values [1.0, 0.5] type f32 in 0 at 0 bytes 8 random 0.0
  plan.tensor "b" "vnni16" [1, 16, 2, 1] [] type i8 in 1 at 0 bytes 256 random 0.0
  plan.tensor "c" "vnni16" [1, 16, 2, 1] [] type i8 in 1 at 256 bytes 256 random 0.0
  plan.kernel @k "rows" {} reads [[#plan.access<buffer = 0, type = f32, kind = "col", row_stride = 0, offset = 0>]]
      writes [#plan.access<buffer = 1, type = f32, kind = "row_col", row_stride = 16, offset = 0>] fusions [] holes {
      ^bb0(%a: f32):
        kern.yield %a : f32
      }
  plan.entry @fine tokens 1 logit_rows 1 arena 256 {
    plan.launch @k [#plan.arg<"segment", 1, 0>, #plan.arg<"arena", 0, 0>] grid [0, 1] rows 0 after true at "x" cost {}
  }
}

// -----

// expected-error @+1 {{a planned module says how large its segments are (plan.segment_bytes)}}
module {
}

// -----

module attributes {plan.segment_bytes = array<i64: 0, 512>} {
  plan.tensor "b" "vnni16" [1, 16, 2, 1] [] type i8 in 1 at 0 bytes 257 random 0.0
  // expected-error @+1 {{lies at [256, 512) of segment 1, which is taken or ends before}}
  plan.tensor "c" "vnni16" [1, 16, 2, 1] [] type i8 in 1 at 256 bytes 256 random 0.0
}

// -----

module attributes {plan.segment_bytes = array<i64: 0, 512>} {
  // expected-error @+1 {{lies at [448, 576) of segment 1, which is taken or ends before}}
  plan.tensor "b" "vnni16" [1, 16, 2, 1] [] type i8 in 1 at 448 bytes 128 random 0.0
}

// -----

module attributes {plan.segment_bytes = array<i64: 0, 512>} {
  // expected-error @+1 {{lies at [0, 128) of segment 2, which is taken or ends before}}
  plan.tensor "b" "vnni16" [1, 16, 2, 1] [] type i8 in 2 at 0 bytes 128 random 0.0
}

// -----

module attributes {plan.segment_bytes = array<i64: 0, 0>} {
  // expected-error @+1 {{is left after planning}}
  func.func private @f()
}

// -----

module attributes {plan.segment_bytes = array<i64: 0, 0>} {
  plan.entry @e tokens 1 logit_rows 1 arena 256 {
    // expected-error @+1 {{names kernel k, which does not exist}}
    plan.launch @k [] grid [0, 1] rows 0 after true at "x" cost {}
  }
}

// -----

// The kernel stores to argument 1; there is only argument 0.
module attributes {plan.segment_bytes = array<i64: 0, 0>} {
  plan.kernel @k "rows" {} reads [] writes [#plan.access<buffer = 1, type = f32, kind = "row_col", row_stride = 16, offset = 0>] fusions [] holes
  plan.entry @e tokens 1 logit_rows 1 arena 256 {
    // expected-error @+1 {{has fewer arguments than its kernel reads and writes}}
    plan.launch @k [#plan.arg<"arena", 0, 0>] grid [0, 1] rows 0 after true at "x" cost {}
  }
}

// -----

// A hole reads argument 3.
module attributes {plan.segment_bytes = array<i64: 0, 0>} {
  plan.kernel @k "rows" {} reads [[#plan.access<buffer = 3, type = f32, kind = "col", row_stride = 0, offset = 0>]] writes [] fusions [] holes {
  ^bb0(%a: f32):
    kern.yield %a : f32
  }
  plan.entry @e tokens 1 logit_rows 1 arena 256 {
    // expected-error @+1 {{has fewer arguments than its kernel reads and writes}}
    plan.launch @k [#plan.arg<"arena", 0, 0>] grid [0, 1] rows 0 after true at "x" cost {}
  }
}
