// The kern dialect: WHICH kernel computes a piece of the model.
#ifndef KERN_DIALECT_TD
#define KERN_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Kern_Dialect : Dialect {
  let name = "kern";
  let cppNamespace = "::r1::kern";
  let summary = "Kernels: a skeleton, its parameters, and the fused regions that fill its holes";
  let description = [{
    A dispatch names a skeleton of `kernels/registry`, gives every parameter a constant, and fills the skeleton's holes with regions
    of `arith` and `math` on f32 scalars. What a hole computes on a scalar, generated code computes on vectors.
  }];
  let useDefaultAttributePrinterParser = 1;
}

def Kern_SourceAttr : AttrDef<Kern_Dialect, "Source"> {
  let mnemonic = "source";
  let summary = "a block of a checkpoint tensor, and where it goes in a packed weight";
  let description = [{
    Rows [row_begin, row_end) and columns [col_begin, col_end) of `tensor`, multiplied by the 128x128 blocks of `scale` where that is not
    empty; `transposed` exchanges rows and columns on the way. It becomes matrix (`batch`, `accumulator`) of the packed weight from output
    row `dest_row` on.
  }];
  let parameters = (ins StringRefParameter<>:$tensor, StringRefParameter<>:$scale, "int64_t":$row_begin, "int64_t":$row_end,
                        "int64_t":$col_begin, "int64_t":$col_end, "bool":$transposed, "int64_t":$batch, "int64_t":$accumulator,
                        "int64_t":$dest_row);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Kern_TensorMapAttr : AttrDef<Kern_Dialect, "TensorMap"> {
  let mnemonic = "tensor_map";
  let summary = "a tiled view of a buffer, for a GPU's tensor copies";
  let description = [{
    Of buffer `argument` of the dispatch: `extents` in elements of `type`, innermost first; `strides` in bytes, from the second dimension on;
    `box` is what one copy moves; `swizzle` in bytes, 0 for none.
  }];
  let parameters = (ins "int64_t":$argument, "::mlir::Type":$type, "::mlir::DenseI64ArrayAttr":$extents,
                        "::mlir::DenseI64ArrayAttr":$strides, "::mlir::DenseI64ArrayAttr":$box, "int64_t":$swizzle);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif
