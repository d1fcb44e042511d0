// Router logits and the choice of experts become one r1.fused, as long as one thread may read the whole router weight.
// RUN: r1-opt %s --r1-fuse-router-topk --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @decode
// CHECK: %[[F:.*]]:2 = r1.fused ["router-topk"](%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x32xf32>, tensor<8x32xbf16>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<?x32xf32>, %[[W:.*]]: tensor<8x32xbf16>, %[[B:.*]]: tensor<8xf32>):
// CHECK-NEXT:   %[[L:.*]] = r1.router_logits %[[X]], %[[W]]
// CHECK-NEXT:   %[[I:.*]], %[[V:.*]] = r1.router_gate %[[L]] bias %[[B]]
// CHECK-NEXT:   r1.yield %[[I]], %[[V]]
// CHECK: return %[[F]]#0, %[[F]]#1
func.func @decode(%x: tensor<?x32xf32>, %w: tensor<8x32xbf16>, %bias: tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %l = r1.router_logits %x, %w : (tensor<?x32xf32>, tensor<8x32xbf16>) -> tensor<?x8xf32>
  // expected-remark @+1 {{[Passed] router-topk | Category:fusion | Function=decode | Remark="logits of 8 experts never leave the kernel"}}
  %i, %v = r1.router_gate %l bias %bias {group_score = #r1.group_score<top2_sum>, groups = 4, normalize = true, scale = 2.5 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 2} : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %v : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Refused: somebody else reads the logits too.
// CHECK-LABEL: @two_readers
// CHECK-NOT: r1.fused
func.func @two_readers(%x: tensor<?x32xf32>, %w: tensor<8x32xbf16>) -> (tensor<?x2xi32>, tensor<?x8xf32>) {
  %l = r1.router_logits %x, %w : (tensor<?x32xf32>, tensor<8x32xbf16>) -> tensor<?x8xf32>
  // expected-remark @+1 {{[Missed] router-topk | Category:fusion | Function=two_readers | Remark="the logits are not computed for this choice alone"}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %l : tensor<?x2xi32>, tensor<?x8xf32>
}

// -----

// Refused in decode, where one token would read R1's 3.7 MB of router weight on one thread ...
// CHECK-LABEL: @decode
// CHECK-NOT: r1.fused
func.func @decode(%x: tensor<?x7168xf32>, %w: tensor<256x7168xbf16>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  %l = r1.router_logits %x, %w : (tensor<?x7168xf32>, tensor<256x7168xbf16>) -> tensor<?x256xf32>
  // expected-remark @+1 {{one token would read all 3670016 bytes of router weight on one thread; limit 1048576}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x256xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>)
  return %i, %v : tensor<?x8xi32>, tensor<?x8xf32>
}

// -----

// ... and taken in prefill, where every token is a thread's.
// CHECK-LABEL: @prefill
// CHECK: r1.fused ["router-topk"]
func.func @prefill(%x: tensor<?x7168xf32>, %w: tensor<256x7168xbf16>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
  %l = r1.router_logits %x, %w : (tensor<?x7168xf32>, tensor<256x7168xbf16>) -> tensor<?x256xf32>
  // expected-remark @+1 {{logits of 256 experts never leave the kernel}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x256xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>)
  return %i, %v : tensor<?x8xi32>, tensor<?x8xf32>
}

// -----

// On a GPU the limit is what one block may read for each token, in prefill as in decode: 128 KiB are taken ...
// CHECK-LABEL: @prefill
// CHECK: r1.fused ["router-topk"]
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%x: tensor<?x1024xf32>, %w: tensor<64x1024xbf16>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
    %l = r1.router_logits %x, %w : (tensor<?x1024xf32>, tensor<64x1024xbf16>) -> tensor<?x64xf32>
    // expected-remark @+1 {{logits of 64 experts never leave the kernel}}
    %i, %v = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x64xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>)
    return %i, %v : tensor<?x8xi32>, tensor<?x8xf32>
  }
}

// -----

// ... and one more row is not.
// CHECK-LABEL: @prefill
// CHECK-NOT: r1.fused
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%x: tensor<?x1024xf32>, %w: tensor<65x1024xbf16>) -> (tensor<?x8xi32>, tensor<?x8xf32>) {
    %l = r1.router_logits %x, %w : (tensor<?x1024xf32>, tensor<65x1024xbf16>) -> tensor<?x65xf32>
    // expected-remark @+1 {{[Missed] router-topk | Category:fusion | Function=prefill | Remark="one block would read all 133120 bytes of router weight for each token; limit 131072"}}
    %i, %v = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x65xf32>) -> (tensor<?x8xi32>, tensor<?x8xf32>)
    return %i, %v : tensor<?x8xi32>, tensor<?x8xf32>
  }
}
