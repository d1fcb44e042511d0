// Operations of the kern dialect. Constraint labels as in dialects/R1/R1Ops.td.
#ifndef KERN_OPS_TD
#define KERN_OPS_TD

include "dialects/Kern/KernDialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Kern_Op<string mnemonic, list<Trait> traits = []> : Op<Kern_Dialect, mnemonic, !listconcat([Pure], traits)>;

def Kern_ConstantOp : Kern_Op<"constant"> {
  let summary = "weights in the order a skeleton reads them";
  let description = [{
    `layout` is one of kernels/registry/layout.h (vnni16, vnni16_f8, scales), `rows` (row-major), `vector`,
    or `literal` (the f32 `values` themselves). `shape` is `[batch, n, k, accumulators]`.

    constant_c1: `literal` has values and no sources, every other layout sources and no values.
    constant_c2: `shape` has four positive extents; every source lies inside them.
  }];
  let arguments = (ins StrAttr:$layout, DenseI64ArrayAttr:$shape, TypedArrayAttrBase<Kern_SourceAttr, "sources">:$sources,
                       OptionalAttr<DenseF32ArrayAttr>:$values);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$layout $shape $sources (`values` $values^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Kern_SliceOp : Kern_Op<"slice"> {
  let summary = "a view of columns [offset, offset + result columns): no kernel, no copy";
  let description = [{ slice_c1: the columns lie inside the operand; the element type stays. }];
  let arguments = (ins AnyRankedTensor:$x, I64Attr:$offset);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$x `[` $offset `]` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Kern_DispatchOp : Kern_Op<"dispatch"> {
  let summary = "one launch of a skeleton over a grid of tiles";
  let description = [{
    `fixed` is `[inputs, outputs]`: so many leading operands the skeleton reads itself, so many leading results it writes itself. The
    remaining operands are read by holes, the remaining results stored by the hole that stores. `hole_inputs` names, for each hole, the
    operands whose elements follow the skeleton's leading values among the block's arguments. `rows_dim` is the dynamic size of every result
    (0 tokens, 1 rows of logits). `layer` is the layer of the cache among the operands, `maps` the tensor maps the skeleton copies with. `grid` is a list of (dimension, value)
    pairs as in runtime/artifact/artifact.fbs.

    dispatch_c1: `fixed` fits the operands and results.
    dispatch_c2: there is one entry of `hole_inputs` for each region, naming operands that exist.
    dispatch_c3: a hole's arguments are f32: leading values, then one for each of its operands; it ends in kern.yield of f32.
    dispatch_c4: the grid is a list of pairs with a known dimension (-1 to 2) and a positive value.
    dispatch_c5: a tensor map views one of the fixed buffers, with as many strides as dimensions but one, and as many extents as box sizes.
  }];
  let arguments = (ins StrAttr:$skeleton, DictionaryAttr:$params, Variadic<AnyType>:$inputs, DenseI64ArrayAttr:$fixed,
                       DenseI64ArrayAttr:$grid, I64Attr:$rows_dim, ArrayAttr:$hole_inputs, StrArrayAttr:$fusions, DictionaryAttr:$cost,
                       OptionalAttr<I64Attr>:$layer, OptionalAttr<TypedArrayAttrBase<Kern_TensorMapAttr, "tensor maps">>:$maps);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region VariadicRegion<AnyRegion>:$holes);
  let assemblyFormat = [{
    $skeleton $params `(` $inputs `)` `fixed` $fixed `grid` $grid `rows` $rows_dim `fusions` $fusions `cost` $cost attr-dict-with-keyword
    `:` functional-type($inputs, $outputs) `holes` $hole_inputs $holes
  }];
  let hasVerifier = 1;
}

def Kern_YieldOp : Kern_Op<"yield", [Terminator]> {
  let summary = "what a hole of a kern.dispatch or a plan.kernel computes";
  let arguments = (ins Variadic<F32>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

#endif
