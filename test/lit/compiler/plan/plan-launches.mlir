// Dispatches become launches whose arguments are (space, index, byte offset); activations share the arena by lifetime.
// RUN: r1-opt %s --r1-plan-launches --split-input-file | FileCheck %s

// A chain a -> b -> c -> logits of 4 tokens x 64 floats, 1024 bytes each: c takes the place of a, which nobody reads any more.
// The same skeleton, parameters and hole three times is one kernel. Logits go to io slot 5, ids come from slot 0.
// CHECK: module attributes {plan.segment_bytes = array<i64: 0, 0>}
// CHECK: plan.kernel @embed__f32__c64 "embed" {cols = 64 : i64} reads {{\[\[\]\]}} writes [#plan.access<buffer = 1, type = f32, kind = "row_col", row_stride = 64, offset = 0>] fusions [] holes
// CHECK: plan.kernel @rows__f32__c64 "rows" {cols = 64 : i64} reads {{\[\[}}#plan.access<buffer = 0, type = f32, kind = "row_col", row_stride = 64, offset = 0>]]
// CHECK-SAME: writes [#plan.access<buffer = 1, type = f32, kind = "row_col", row_stride = 64, offset = 0>]
// CHECK-NOT: plan.kernel
// CHECK: plan.entry @decode tokens 4 logit_rows 4 arena 2048 {
// CHECK-NEXT: plan.launch @embed__f32__c64 [#plan.arg<"io", 0, 0>, #plan.arg<"arena", 0, 0>] grid [0, 1] rows {{[01]}} after true at "embed" cost {}
// CHECK-NEXT: plan.launch @rows__f32__c64 [#plan.arg<"arena", 0, 0>, #plan.arg<"arena", 0, 1024>] grid [0, 1] rows {{[01]}} after true at "layers.0" cost {}
// CHECK-NEXT: plan.launch @rows__f32__c64 [#plan.arg<"arena", 0, 1024>, #plan.arg<"arena", 0, 0>] grid [0, 1] rows {{[01]}} after true at "layers.1" cost {}
// CHECK-NEXT: plan.launch @rows__f32__c64 [#plan.arg<"arena", 0, 0>, #plan.arg<"io", 5, 0>] grid [0, 1] rows {{[01]}} after true at "rows" cost {}
// CHECK-NEXT: {{^ *[}]$}}
func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xf32>
    attributes {r1.max_tokens = 4, r1.max_logit_rows = 4} {
  %a = kern.dispatch "embed" {cols = 64}(%ids) fixed [1, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x64xf32>
      holes [array<i64>] {
      ^bb0(%v: f32):
        kern.yield %v : f32
      }
  %b = kern.dispatch "rows" {cols = 64}(%a) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32>
      holes [array<i64: 0>] {
      ^bb0(%v: f32):
        kern.yield %v : f32
      } loc("layers.0")
  %c = kern.dispatch "rows" {cols = 64}(%b) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32>
      holes [array<i64: 0>] {
      ^bb0(%v: f32):
        kern.yield %v : f32
      } loc("layers.1")
  %d = kern.dispatch "rows" {cols = 64}(%c) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32>
      holes [array<i64: 0>] {
      ^bb0(%v: f32):
        kern.yield %v : f32
      }
  return %d : tensor<?x64xf32>
}

// -----

// Side by side: b and c read a and not each other, so c joins b's group (after false) and neither takes a's place; d waits for both.
// CHECK: plan.entry @decode tokens 1 logit_rows 1 arena 768 {
// CHECK-NEXT: plan.launch @embed{{.*}} [#plan.arg<"io", 0, 0>, #plan.arg<"arena", 0, 0>] {{.*}} after true
// CHECK-NEXT: plan.launch @rows{{.*}} [#plan.arg<"arena", 0, 0>, #plan.arg<"arena", 0, 256>] {{.*}} after true
// CHECK-NEXT: plan.launch @gemm{{.*}} [#plan.arg<"arena", 0, 0>, #plan.arg<"arena", 0, 512>] {{.*}} after false
// CHECK-NEXT: plan.launch @rows{{.*}} [#plan.arg<"arena", 0, 256>, #plan.arg<"arena", 0, 512>, #plan.arg<"io", 5, 0>] {{.*}} after true
func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xf32>
    attributes {r1.max_tokens = 1, r1.max_logit_rows = 1} {
  %a = kern.dispatch "embed" {cols = 64}(%ids) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x64xf32> holes []
  %b = kern.dispatch "rows" {cols = 64}(%a) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32> holes []
  %c = kern.dispatch "gemm_bf16" {n = 64}(%a) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32> holes []
  %d = kern.dispatch "rows" {cols = 64}(%b, %c) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32> holes []
  return %d : tensor<?x64xf32>
}

// -----

// What a group reads keeps its place until the whole group is over: d (in b's group) must not take a, which its neighbour b reads.
// CHECK: plan.entry @decode
// CHECK: plan.launch @embed{{.*}} [#plan.arg<"io", 0, 0>, #plan.arg<"arena", 0, [[A:[0-9]+]]>] {{.*}} after true
// CHECK: plan.launch @gather{{.*}} [#plan.arg<"io", 1, 0>, #plan.arg<"arena", 0, [[X:[0-9]+]]>] {{.*}} after false
// CHECK: plan.launch @rows{{.*}} [#plan.arg<"arena", 0, [[A]]>, #plan.arg<"arena", 0, {{[0-9]+}}>] {{.*}} after true
// CHECK-NOT: #plan.arg<"arena", 0, [[X]]>, #plan.arg<"arena", 0, [[A]]>]
// CHECK: plan.launch @rope{{.*}} [#plan.arg<"arena", 0, [[X]]>, #plan.arg<"arena", 0, {{[0-9]+}}>] {{.*}} after false
func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xf32>
    attributes {r1.max_tokens = 1, r1.max_logit_rows = 1} {
  %a = kern.dispatch "embed" {cols = 64}(%ids) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x64xf32> holes []
  %x = kern.dispatch "gather" {cols = 64}(%p) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x64xf32> holes []
  %b = kern.dispatch "rows" {cols = 64}(%a) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32> holes []
  %d = kern.dispatch "rope" {cols = 64}(%x) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>) -> tensor<?x64xf32> holes []
  %e = kern.dispatch "rows" {cols = 64}(%b, %d) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32> holes []
  return %e : tensor<?x64xf32>
}

// -----

// A slice is an offset of bytes into its base, which lives as long as the slice is read; its row stride is the base's (96, not 32).
// The cache is a space of its own, by layer. Rows of 24 floats take 32; 3 tokens of them 384 bytes, rounded to 256s in the arena.
// CHECK: plan.kernel @rows{{.*}} reads {{\[\[}}#plan.access<buffer = 0, type = bf16, kind = "row_col", row_stride = 96, offset = 0>]]
// CHECK-SAME: writes [#plan.access<buffer = 1, type = f32, kind = "row_col", row_stride = 32, offset = 0>]
// CHECK: plan.entry @decode tokens 3 logit_rows 3 arena
// CHECK: plan.launch @embed{{.*}} [#plan.arg<"io", 0, 0>, #plan.arg<"arena", 0, [[A:[0-9]+]]>]
// CHECK: plan.launch @latent_write{{.*}} [#plan.arg<"arena", 0, [[A]]>, #plan.arg<"io", 1, 0>, #plan.arg<"io", 2, 0>, #plan.arg<"io", 3, 0>, #plan.arg<"cache", 1, 0>, #plan.arg<"cache", 1, 0>]
// CHECK: plan.launch @rows{{.*}} [#plan.arg<"arena", 0, 128>, #plan.arg<"io", 5, 0>]
func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>,
                  %c: !r1.cache<layers = 2, kv_lora = 64, rope = 32>) -> tensor<?x24xf32>
    attributes {r1.max_tokens = 3, r1.max_logit_rows = 3} {
  %a = kern.dispatch "embed" {cols = 96}(%ids) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x96xbf16> holes []
  %l = kern.slice %a[0] : (tensor<?x96xbf16>) -> tensor<?x64xbf16>
  %k = kern.slice %a[64] : (tensor<?x96xbf16>) -> tensor<?x32xbf16>
  %d = kern.dispatch "latent_write" {}(%l, %p, %slots, %pages, %c) fixed [4, 1] grid [0, 1] rows 0 fusions [] cost {} attributes {layer = 1 : i64}
      : (tensor<?x64xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>, !r1.cache<layers = 2, kv_lora = 64, rope = 32>)
      -> !r1.cache<layers = 2, kv_lora = 64, rope = 32> holes []
  %y = kern.dispatch "rows" {cols = 24}(%k) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xbf16>) -> tensor<?x24xf32>
      holes [array<i64: 0>] {
      ^bb0(%v: f32):
        kern.yield %v : f32
      }
  return %y : tensor<?x24xf32>
}

// -----

// Logits go out and are read again: they have no place in the arena. What a step says of the choice comes in (slots 7 and 8), ids go out (9).
// CHECK: plan.kernel @sample__f32__v24 "sample"
// CHECK: plan.entry @decode tokens 3 logit_rows 3 arena 0 {
// CHECK-NEXT: plan.launch @embed{{.*}} [#plan.arg<"io", 0, 0>, #plan.arg<"io", 5, 0>] {{.*}} after true
// CHECK-NEXT: plan.launch @sample{{.*}} [#plan.arg<"io", 5, 0>, #plan.arg<"io", 7, 0>, #plan.arg<"io", 8, 0>, #plan.arg<"io", 9, 0>] grid [1, 1] rows {{[01]}} after true
func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>,
                  %c: !r1.cache<layers = 2, kv_lora = 64, rope = 32>, %o: tensor<?x4xi32>, %d: tensor<?x2xi32>)
    -> (tensor<?x24xf32>, !r1.cache<layers = 2, kv_lora = 64, rope = 32>, tensor<?xi32>) attributes {r1.max_tokens = 3, r1.max_logit_rows = 3} {
  %l = kern.dispatch "embed" {cols = 24}(%ids) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?xi32>) -> tensor<?x24xf32> holes []
  %i = kern.dispatch "sample" {stride = 32, vocab = 24}(%l, %o, %d) fixed [3, 1] grid [1, 1] rows 1 fusions [] cost {}
      : (tensor<?x24xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32> holes []
  return %l, %c, %i : tensor<?x24xf32>, !r1.cache<layers = 2, kv_lora = 64, rope = 32>, tensor<?xi32>
}
