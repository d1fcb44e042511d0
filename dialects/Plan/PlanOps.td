// Operations of the plan dialect. Constraint labels as in dialects/R1/R1Ops.td.
#ifndef PLAN_OPS_TD
#define PLAN_OPS_TD

include "dialects/Kern/KernDialect.td"
include "dialects/Plan/PlanDialect.td"
include "mlir/IR/SymbolInterfaces.td"

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;

def Plan_TensorOp : Plan_Op<"tensor"> {
  let summary = "a packed weight in the segment";
  let description = [{
    Segment 0 holds literals and is always stored, segment 1 the weights. `random` is what `r1run bench --random-weights` fills it with: uniform
    in (-r, r), or ones where r is 0.

    tensor_c1: offset is a multiple of 64 and, like bytes, not negative.
  }];
  let arguments = (ins StrAttr:$name, StrAttr:$layout, DenseI64ArrayAttr:$shape,
                       TypedArrayAttrBase<Kern_SourceAttr, "sources">:$sources, OptionalAttr<DenseF32ArrayAttr>:$values,
                       TypeAttr:$element_type, I64Attr:$segment, I64Attr:$offset, I64Attr:$bytes, F64Attr:$random_scale);
  let assemblyFormat = [{
    $name $layout $shape $sources (`values` $values^)? `type` $element_type `in` $segment `at` $offset `bytes` $bytes `random` $random_scale attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, IsolatedFromAbove]> {
  let summary = "a skeleton with parameters and filled holes, to be compiled once";
  let description = [{
    kernel_c1: there is one list of reads for each hole, and a filled hole has at least as many arguments as reads.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$skeleton, DictionaryAttr:$params, ArrayAttr:$reads,
                       TypedArrayAttrBase<Plan_AccessAttr, "writes">:$writes, StrArrayAttr:$fusions);
  let regions = (region VariadicRegion<AnyRegion>:$holes);
  let assemblyFormat = [{
    $sym_name $skeleton $params `reads` $reads `writes` $writes `fusions` $fusions attr-dict-with-keyword `holes` $holes
  }];
  let hasVerifier = 1;
}

def Plan_EntryOp : Plan_Op<"entry", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock]> {
  let summary = "the launches of one step, in order";
  let description = [{
    entry_c1: max_tokens and max_logit_rows are positive, arena_bytes is not negative.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$max_tokens, I64Attr:$max_logit_rows, I64Attr:$arena_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `tokens` $max_tokens `logit_rows` $max_logit_rows `arena` $arena_bytes attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
}

def Plan_LaunchOp : Plan_Op<"launch", [HasParent<"EntryOp">]> {
  let summary = "one kernel over one grid";
  let description = [{
    launch_c1: an arena argument lies inside the entry's arena; spaces are arena, segment, io or cache.
    launch_c2: the grid is a list of (dimension, positive value) pairs.
    launch_c3: a tensor map views an argument that exists.
    launch_c4: rows, what the kernel's rows are, is 0 (tokens) or 1 (rows of logits).
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, TypedArrayAttrBase<Plan_ArgumentAttr, "arguments">:$arguments,
                       DenseI64ArrayAttr:$grid, I64Attr:$rows, BoolAttr:$after, StrAttr:$location,
                       DictionaryAttr:$cost, OptionalAttr<TypedArrayAttrBase<Kern_TensorMapAttr, "tensor maps">>:$maps);
  let assemblyFormat = "$kernel $arguments `grid` $grid `rows` $rows `after` $after `at` $location `cost` $cost attr-dict";
  let hasVerifier = 1;
}

#endif
