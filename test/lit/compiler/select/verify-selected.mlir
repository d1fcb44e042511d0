// The end of the phase checks every dispatch against kernels/registry: skeleton, parameters, buffers and holes; nothing of r1 is left.
// RUN: r1-opt %s --r1-verify-selected --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @fine
func.func @fine(%p: tensor<?xi32>, %f: tensor<16xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  %t = kern.dispatch "rope_table" {rope = 32, scale = 1.0 : f64}(%p, %f) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  return %t : tensor<?x32xf32>
}

// -----

func.func @left(%x: tensor<?x32xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{is left after selection}}
  %y = r1.add %x, %x : tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

func.func @unknown(%x: tensor<?x32xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{names skeleton 'convolution', which kernels/registry does not list}}
  %y = kern.dispatch "convolution" {}(%x) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x32xf32>) -> tensor<?x32xf32> holes []
  return %y : tensor<?x32xf32>
}

// -----

func.func @count(%p: tensor<?xi32>, %f: tensor<16xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{rope_table takes 2 parameters, found 1}}
  %t = kern.dispatch "rope_table" {rope = 32}(%p, %f) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  return %t : tensor<?x32xf32>
}

// -----

func.func @type(%p: tensor<?xi32>, %f: tensor<16xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{rope_table needs parameter 'scale' as f64}}
  %t = kern.dispatch "rope_table" {rope = 32, scale = 1}(%p, %f) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  return %t : tensor<?x32xf32>
}

// -----

func.func @name(%p: tensor<?xi32>, %f: tensor<16xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{rope_table needs parameter 'rope' as i64}}
  %t = kern.dispatch "rope_table" {ropes = 32, scale = 1.0 : f64}(%p, %f) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  return %t : tensor<?x32xf32>
}

// -----

func.func @buffers(%p: tensor<?xi32>, %f: tensor<16xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{rope_table reads 2 and writes 1 buffers itself, found 1 and 1}}
  %t = kern.dispatch "rope_table" {rope = 32, scale = 1.0 : f64}(%p, %f) fixed [1, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  return %t : tensor<?x32xf32>
}

// -----

func.func @too_many_holes(%p: tensor<?xi32>, %f: tensor<16xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{rope_table has 0 holes, found 1}}
  %t = kern.dispatch "rope_table" {rope = 32, scale = 1.0 : f64}(%p, %f) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes [array<i64>] {
      ^bb0(%a: f32):
        kern.yield %a : f32
      }
  return %t : tensor<?x32xf32>
}

// -----

func.func @arguments(%ids: tensor<?xi32>, %table: tensor<8x32xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{hole 'finish' takes 1 values, found 2}}
  %x = kern.dispatch "embed" {cols = 32, table_type = 0}(%ids, %table) fixed [2, 0] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32> holes [array<i64>] {
      ^bb0(%a: f32, %b: f32):
        kern.yield %a : f32
      }
  return %x : tensor<?x32xf32>
}

// -----

func.func @yields(%ids: tensor<?xi32>, %table: tensor<8x32xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 1} {
  // expected-error @+1 {{hole 'finish' yields 2 values, expected 1}}
  %x = kern.dispatch "embed" {cols = 32, table_type = 0}(%ids, %table) fixed [2, 0] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<8x32xf32>) -> tensor<?x32xf32> holes [array<i64>] {
      ^bb0(%a: f32):
        kern.yield %a, %a : f32, f32
      }
  return %x : tensor<?x32xf32>
}
