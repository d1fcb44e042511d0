// The r1 dialect: WHAT a DeepSeek-R1-family model computes, as value-semantic operations on tensors.
#ifndef R1_DIALECT_TD
#define R1_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"

def R1_Dialect : Dialect {
  let name = "r1";
  let cppNamespace = "::r1::ir";
  let summary = "Operations of the DeepSeek-R1 family: latent attention, routed experts, and what is between";
  let description = [{
    Tensors are row-major. The first dimension of an activation is the number of tokens, T, always dynamic; columns are
    static. Weights have the shapes of the Hugging Face checkpoint: `[out, in]`. A weight of type `f8E4M3FN` comes with a
    scale tensor, one float per 128x128 block, that *multiplies*. Every operation is pure: the latent cache is a value
    (`!r1.cache`) that an append turns into the next one, so order is data flow and nothing else.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class R1_Type<string name, string typeMnemonic, list<Trait> traits = []> : TypeDef<R1_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def R1_CacheType : R1_Type<"Cache", "cache"> {
  let summary = "the paged latent cache of a model: per layer and token `kv_lora` latent and `rope` key elements";
  let parameters = (ins "int64_t":$layers, "int64_t":$kvLora, "int64_t":$rope);
  let assemblyFormat = "`<` `layers` `=` $layers `,` `kv_lora` `=` $kvLora `,` `rope` `=` $rope `>`";
  let genVerifyDecl = 1;
}

#endif
