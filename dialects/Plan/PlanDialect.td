// The plan dialect: WHERE everything lies and WHEN it runs.
#ifndef PLAN_DIALECT_TD
#define PLAN_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::r1::plan";
  let summary = "Offsets, kernels and launches: what an artifact stores";
  let description = [{
    No tensors any more: every launch argument is a space and an offset. One module holds one segment of packed weights, the distinct
    kernels, and an entry for each way a step can run.
  }];
  let useDefaultAttributePrinterParser = 1;
}

def Plan_ArgumentAttr : AttrDef<Plan_Dialect, "Argument"> {
  let mnemonic = "arg";
  let summary = "where a launch argument points: space (arena, segment, io, cache), index, byte offset";
  let parameters = (ins StringRefParameter<>:$space, "int64_t":$index, "int64_t":$offset);
  let assemblyFormat = "`<` $space `,` $index `,` $offset `>`";
}

def Plan_AccessAttr : AttrDef<Plan_Dialect, "Access"> {
  let mnemonic = "access";
  let summary = "how a hole reads or writes a launch argument";
  let description = [{
    Element (row, col) of argument `buffer` is at `row * row_stride + offset + col` (kind `row_col`), `offset + col` (`col`), or
    `row * row_stride + offset` (`row`), in elements of `type`.
  }];
  let parameters = (ins "int64_t":$buffer, "::mlir::Type":$type, StringRefParameter<>:$kind, "int64_t":$row_stride, "int64_t":$offset);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif
