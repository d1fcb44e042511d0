// Every constraint of the plan dialect is refused with its label and what was found.
// RUN: r1-opt %s --verify-diagnostics --split-input-file

// expected-error @+1 {{tensor_c1: offset 32 and bytes 128: expected a multiple of 64 and a size}}
plan.tensor "a" "literal" [1, 1, 2, 1] [] values [1.0, 0.5] type f32 in 0 at 32 bytes 128 random 0.0

// -----

// expected-error @+1 {{tensor_c1: offset -64 and bytes 8}}
plan.tensor "a" "literal" [1, 1, 2, 1] [] values [1.0, 0.5] type f32 in 0 at -64 bytes 8 random 0.0

// -----

// expected-error @+1 {{tensor_c1: offset 64 and bytes -8}}
plan.tensor "a" "literal" [1, 1, 2, 1] [] values [1.0, 0.5] type f32 in 0 at 64 bytes -8 random 0.0

// -----

// expected-error @+1 {{kernel_c1: 1 holes but 0 lists of reads}}
plan.kernel @k "rows" {} reads [] writes [] fusions [] holes {
^bb0(%a: f32):
  kern.yield %a : f32
}

// -----

// expected-error @+1 {{kernel_c1: a hole has fewer arguments than it reads elements}}
plan.kernel @k "rows" {}
    reads [[#plan.access<buffer = 0, type = f32, kind = "col", row_stride = 0, offset = 0>, #plan.access<buffer = 1, type = f32, kind = "col", row_stride = 0, offset = 0>]]
    writes [] fusions [] holes {
    ^bb0(%a: f32):
      kern.yield %a : f32
    }

// -----

// expected-error @+1 {{kernel_c1: a hole has fewer arguments than it reads elements}}
plan.kernel @k "rows" {} reads [["not an access"]] writes [] fusions [] holes {
^bb0(%a: f32):
  kern.yield %a : f32
}

// -----

// expected-error @+1 {{entry_c1: tokens 0, logit rows 1, arena 0}}
plan.entry @e tokens 0 logit_rows 1 arena 0 {
}

// -----

// expected-error @+1 {{entry_c1: tokens 1, logit rows 0, arena 0}}
plan.entry @e tokens 1 logit_rows 0 arena 0 {
}

// -----

// expected-error @+1 {{entry_c1: tokens 1, logit rows 1, arena -1}}
plan.entry @e tokens 1 logit_rows 1 arena -1 {
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c1: argument #plan.arg<"arena", 0, 256> in an arena of 256 bytes}}
  plan.launch @k [#plan.arg<"arena", 0, 256>] grid [0, 1] rows 0 after true at "x" cost {}
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c1: argument #plan.arg<"heap", 0, 0> in an arena of 256 bytes}}
  plan.launch @k [#plan.arg<"heap", 0, 0>] grid [0, 1] rows 0 after true at "x" cost {}
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c1: argument #plan.arg<"io", -1, 0>}}
  plan.launch @k [#plan.arg<"io", -1, 0>] grid [0, 1] rows 0 after true at "x" cost {}
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c2: the grid is a list of (dimension, positive value) pairs}}
  plan.launch @k [] grid [0] rows 0 after true at "x" cost {}
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c2: the grid is a list of (dimension, positive value) pairs}}
  plan.launch @k [] grid [-2, 1] rows 0 after true at "x" cost {}
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c3}}
  plan.launch @k [#plan.arg<"arena", 0, 0>] grid [0, 1] rows 0 after true at "x" cost {} {maps = [#kern.tensor_map<argument = 1, type = bf16, extents = [32], strides = [], box = [32], swizzle = 0>]}
}

// -----

plan.entry @e tokens 1 logit_rows 1 arena 256 {
  // expected-error @+1 {{launch_c4: rows are 0 (tokens) or 1 (rows of logits), found 2}}
  plan.launch @k [] grid [0, 1] rows 2 after true at "x" cost {}
}

// -----

// expected-error @+1 {{expects parent op 'plan.entry'}}
plan.launch @k [] grid [0, 1] rows 0 after true at "x" cost {}
