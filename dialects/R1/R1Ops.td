// Operations of the r1 dialect. Each constraint carries a label (`linear_c1`) that its verifier and a negative test repeat.
#ifndef R1_OPS_TD
#define R1_OPS_TD

include "dialects/R1/R1Dialect.td"
include "dialects/R1/R1Enums.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def R1_Float : AnyTypeOf<[F32, BF16], "f32 or bf16">;
def R1_Activation : RankedTensorOf<[F32, BF16]>;
def R1_Weight : RankedTensorOf<[F32, BF16, F16, F8E4M3FN]>;
def R1_Input : RankedTensorOf<[F32, BF16, F8E4M3FN]>; // of a linear layer: an activation, quantised perhaps
def R1_Ints : 1DTensorOf<[I32]>;

/// Row r of the results comes from row r of the operands with a dynamic first extent, and from the others as a whole.
def R1_RowWise : NativeOpTrait<"RowWise"> { let cppNamespace = "::r1::ir"; }

class R1_Op<string mnemonic, list<Trait> traits = []> : Op<R1_Dialect, mnemonic, !listconcat([Pure], traits)>;
class R1_VerifiedOp<string mnemonic, list<Trait> traits = []> : R1_Op<mnemonic, traits> { let hasVerifier = 1; }

//===-- weights ------------------------------------------------------------------------------------------------===//

def R1_WeightOp : R1_Op<"weight"> {
  let summary = "a tensor of the checkpoint, by its Hugging Face name";
  let arguments = (ins StrAttr:$name);
  let results = (outs R1_Weight:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}

def R1_ExpertWeightOp : R1_VerifiedOp<"expert_weight"> {
  let summary = "one tensor of every routed expert, stacked: `prefix` + expert number + `suffix`";
  let description = [{ expert_weight_c1: the result has rank 3, `[experts, out, in]`. }];
  let arguments = (ins StrAttr:$prefix, StrAttr:$suffix);
  let results = (outs R1_Weight:$result);
  let assemblyFormat = "$prefix $suffix attr-dict `:` type($result)";
}

def R1_ConcatRowsOp : R1_VerifiedOp<"concat_rows"> {
  let summary = "weights over the same input, one below the other";
  let description = [{
    concat_rows_c1: all operands and the result have the same element type and the same number of columns.
    concat_rows_c2: the rows of the operands add up to the rows of the result.
  }];
  let arguments = (ins Variadic<R1_Weight>:$parts);
  let results = (outs R1_Weight:$result);
  let assemblyFormat = "$parts attr-dict `:` type($parts) `->` type($result)";
}

//===-- rows ---------------------------------------------------------------------------------------------------===//

def R1_EmbedOp : R1_VerifiedOp<"embed"> {
  let summary = "row `ids[t]` of the table, for every token";
  let description = [{ embed_c1: the result has as many columns as the table. }];
  let arguments = (ins R1_Ints:$ids, R1_Weight:$table);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
}

def R1_RmsNormOp : R1_VerifiedOp<"rms_norm", [R1_RowWise]> {
  let summary = "x / sqrt(mean(x^2) + epsilon) * weight, over the columns";
  let description = [{
    rms_norm_c1: the weight has rank 1 and as many elements as x has columns.
    rms_norm_c2: epsilon is positive and finite.
  }];
  let arguments = (ins R1_Activation:$x, R1_Weight:$weight, F64Attr:$epsilon);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$x `,` $weight attr-dict `:` functional-type(operands, results)";
}

def R1_AddOp : R1_Op<"add", [R1_RowWise, Commutative, SameOperandsAndResultType]> {
  let summary = "element by element";
  let arguments = (ins R1_Activation:$lhs, R1_Activation:$rhs);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def R1_SiluMulOp : R1_Op<"silu_mul", [R1_RowWise, SameOperandsAndResultType]> {
  let summary = "gate * sigmoid(gate) * up, element by element";
  let arguments = (ins R1_Activation:$gate, R1_Activation:$up);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$gate `,` $up attr-dict `:` type($result)";
}

def R1_CastOp : R1_VerifiedOp<"cast", [R1_RowWise]> {
  let summary = "round to another element type (nearest, ties to even) or widen";
  let description = [{ cast_c1: operand and result have the same shape. }];
  let arguments = (ins R1_Activation:$x);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def R1_SliceOp : R1_VerifiedOp<"slice", [R1_RowWise]> {
  let summary = "columns [offset, offset + result columns) of every row";
  let description = [{ slice_c1: the columns lie inside the operand; the element type stays. }];
  let arguments = (ins R1_Activation:$x, I64Attr:$offset);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$x `[` $offset `]` attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def R1_ConcatColumnsOp : R1_VerifiedOp<"concat_columns", [R1_RowWise]> {
  let summary = "activations side by side";
  let description = [{ concat_columns_c1: the columns of the operands add up to those of the result; one element type. }];
  let arguments = (ins Variadic<R1_Activation>:$parts);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$parts attr-dict `:` functional-type(operands, results)";
}

def R1_GatherRowsOp : R1_VerifiedOp<"gather_rows"> {
  let summary = "row `rows[r]` of x, for every r";
  let description = [{ gather_rows_c1: operand and result have the same columns and element type. }];
  let arguments = (ins R1_Activation:$x, R1_Ints:$rows);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$x `,` $rows attr-dict `:` functional-type(operands, results)";
}

//===-- linear layers ------------------------------------------------------------------------------------------===//

def R1_QuantizeRowsOp : R1_VerifiedOp<"quantize_rows"> {
  let summary = "every 128 columns of a row as e4m3 and one float scale, which multiplies";
  let description = [{
    Of each piece of 128 columns (the last may be shorter): scale = max(|x|, 1e-4) / 448, with `ue8m0` rounded up to a power of two;
    y = x / scale, rounded to nearest, ties to even. NaN stays NaN, and does not count for the maximum. (DeepSeek-V3,
    inference/kernel.py, act_quant.)

    quantize_rows_c1: y has the shape of x.
    quantize_rows_c2: scale has one element for each piece of 128 columns.
  }];
  let arguments = (ins R1_Activation:$x, UnitAttr:$ue8m0);
  let results = (outs RankedTensorOf<[F8E4M3FN]>:$y, RankedTensorOf<[F32]>:$scale);
  let assemblyFormat = "$x (`ue8m0` $ue8m0^)? attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def R1_LinearOp : R1_VerifiedOp<"linear", [R1_RowWise, AttrSizedOperandSegments]> {
  let summary = "x * weight^T, accumulated in float";
  let description = [{
    linear_c1: weight is `[out, in]`, x has `in` columns, the result `out`.
    linear_c2: a scale is present exactly where the weight is f8E4M3FN, with shape `[ceil(out/128), ceil(in/128)]`.
    linear_c3: an x_scale is present exactly where x is f8E4M3FN, one element for each 128 columns; the weight then is f8E4M3FN too.
  }];
  let arguments = (ins R1_Input:$x, R1_Weight:$weight, Optional<F32Tensor>:$scale, Optional<F32Tensor>:$x_scale);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = [{
    $x `,` $weight (`scale` $scale^)? (`x_scale` $x_scale^)? attr-dict `:` functional-type(operands, results)
  }];
}

def R1_ExpertLinearOp : R1_VerifiedOp<"expert_linear", [R1_RowWise, AttrSizedOperandSegments]> {
  let summary = "the linear layer of expert ids[t][j] on token t (rank 2 x) or on pair (t, j) (rank 3 x)";
  let description = [{
    expert_linear_c1: weight is `[experts, out, in]`; x is `[T, in]` or `[T, top_k, in]`; the result is `[T, top_k, out]`.
    expert_linear_c2: ids is `[T, top_k]`.
    expert_linear_c3: a scale is present exactly where the weight is f8E4M3FN, `[experts, ceil(out/128), ceil(in/128)]`.
    expert_linear_c4: an x_scale is present exactly where x is f8E4M3FN, one element for each 128 columns; the weight then is f8E4M3FN too.
  }];
  let arguments = (ins R1_Input:$x, 2DTensorOf<[I32]>:$ids, R1_Weight:$weight, Optional<F32Tensor>:$scale, Optional<F32Tensor>:$x_scale);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = [{
    $x `,` $ids `,` $weight (`scale` $scale^)? (`x_scale` $x_scale^)? attr-dict `:` functional-type(operands, results)
  }];
}

def R1_CombineOp : R1_VerifiedOp<"combine", [R1_RowWise]> {
  let summary = "sum over j of weights[t][j] * y[t][j], j ascending";
  let description = [{ combine_c1: y is `[T, top_k, n]`, weights `[T, top_k]`, the result `[T, n]`. }];
  let arguments = (ins R1_Activation:$y, 2DTensorOf<[F32]>:$weights);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$y `,` $weights attr-dict `:` functional-type(operands, results)";
}

//===-- router -------------------------------------------------------------------------------------------------===//

def R1_RouterLogitsOp : R1_VerifiedOp<"router_logits", [R1_RowWise]> {
  let summary = "x * weight^T in float, whatever the model's type: routing near ties decides experts";
  let description = [{ router_logits_c1: weight is `[experts, in]`, x has `in` columns, the result `experts`, f32. }];
  let arguments = (ins R1_Activation:$x, R1_Weight:$weight);
  let results = (outs 2DTensorOf<[F32]>:$result);
  let assemblyFormat = "$x `,` $weight attr-dict `:` functional-type(operands, results)";
}

def R1_ScoringAttr : EnumAttr<R1_Dialect, R1_Scoring, "scoring"> { let assemblyFormat = "`<` $value `>`"; }
def R1_GroupScoreAttr : EnumAttr<R1_Dialect, R1_GroupScore, "group_score"> { let assemblyFormat = "`<` $value `>`"; }

def R1_RouterGateOp : R1_VerifiedOp<"router_gate", [R1_RowWise]> {
  let summary = "top-k experts of every token, and their weights";
  let description = [{
    score = scoring(logits); choice = score + bias. With `group_score` other than none, experts stand in `groups` equal groups, a group
    is scored by the maximum or the sum of its two best choices, and all but the `topk_group` best groups become -infinity. The
    top_k best choices win, ties to the lower index, in descending order. Their weights are the scores *without* bias, divided by
    their sum where `normalize`, times `scale`.

    router_gate_c1: ids and weights are `[T, top_k]`, top_k at most the number of experts that the kept groups hold.
    router_gate_c2: groups divide the experts; topk_group is between 1 and groups; a top2_sum needs two experts a group.
    router_gate_c3: a bias has one f32 element an expert.
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$logits, Optional<F32Tensor>:$bias, R1_ScoringAttr:$scoring, R1_GroupScoreAttr:$group_score,
                       I64Attr:$groups, I64Attr:$topk_group, BoolAttr:$normalize, F64Attr:$scale);
  let results = (outs 2DTensorOf<[I32]>:$ids, 2DTensorOf<[F32]>:$weights);
  let assemblyFormat = "$logits (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

//===-- positions and cache ------------------------------------------------------------------------------------===//

def R1_RopeTableOp : R1_VerifiedOp<"rope_table"> {
  let summary = "cos, then sin, of position * inv_freq[i], times `scale`";
  let description = [{ rope_table_c1: the result is f32 with twice as many columns as inv_freq has elements. }];
  let arguments = (ins R1_Ints:$positions, DenseF32ArrayAttr:$inv_freq, F64Attr:$scale);
  let results = (outs 2DTensorOf<[F32]>:$result);
  let assemblyFormat = "$positions attr-dict `:` functional-type(operands, results)";
}

def R1_RopeOp : R1_VerifiedOp<"rope", [R1_RowWise]> {
  let summary = "rotate elements [offset, offset + rope) of every head";
  let description = [{
    Interleaved: pairs are (2i, 2i + 1); otherwise (i, i + rope/2). The pairs stay where they are.

    rope_c1: `heads` divides the columns of x and a head holds `offset` plus the table's columns.
    rope_c2: operand and result have the same shape.
  }];
  let arguments = (ins R1_Activation:$x, 2DTensorOf<[F32]>:$table, I64Attr:$heads, I64Attr:$offset, BoolAttr:$interleaved);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$x `,` $table attr-dict `:` functional-type(operands, results)";
}

def R1_CacheAppendOp : R1_VerifiedOp<"cache_append", [AllTypesMatch<["cache", "result"]>]> {
  let summary = "store each token's latent and rotated key at its position in its sequence";
  let description = [{
    cache_append_c1: the layer exists in the cache; latent has kv_lora columns, key rope columns.
  }];
  let arguments = (ins R1_CacheType:$cache, R1_Activation:$latent, R1_Activation:$key, R1_Ints:$positions, I64Attr:$layer);
  let results = (outs R1_CacheType:$result);
  let assemblyFormat = "$cache `,` $latent `,` $key `,` $positions attr-dict `:` functional-type(operands, results)";
}

//===-- attention ----------------------------------------------------------------------------------------------===//

def R1_AttentionOp : R1_VerifiedOp<"attention", [R1_RowWise, AttrSizedOperandSegments]> {
  let summary = "causal multi-head latent attention, plain form: keys and values are expanded from the cached latents";
  let description = [{
    q is `[T, heads * (nope + rope)]`, rotated. kv_b is the checkpoint's kv_b_proj, `[heads * (nope + v), kv_lora]`, rows per head: nope
    key rows, then v value rows. Scores are scaled by `scale`; a token sees its own and earlier positions of its sequence. Row r of q is
    token r, or with `rows`, ascending, token rows[r].

    attention_c1: q, kv_b and the result agree with heads, nope, v and the cache's kv_lora and rope.
    attention_c2: the layer exists in the cache.
    attention_c3: a scale is present exactly where kv_b is f8E4M3FN.
  }];
  let arguments = (ins R1_Activation:$q, R1_Weight:$kv_b, Optional<F32Tensor>:$kv_b_scale, R1_CacheType:$cache, R1_Ints:$positions,
                       Optional<R1_Ints>:$rows, I64Attr:$layer, I64Attr:$heads, I64Attr:$nope, I64Attr:$v, F64Attr:$scale);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = [{
    $q `,` $kv_b (`scale` $kv_b_scale^)? `,` $cache `,` $positions (`rows` $rows^)? attr-dict `:` functional-type(operands, results)
  }];
}

def R1_AbsorbQueryOp : R1_VerifiedOp<"absorb_query"> {
  let summary = "q_nope * W_UK of every head: the query in the latent space";
  let description = [{
    absorb_query_c1: q is `[T, heads * (nope + rope)]`, kv_b `[heads * (nope + v), kv_lora]`, the result `[T, heads * kv_lora]`.
    absorb_query_c2: a scale is present exactly where kv_b is f8E4M3FN.
  }];
  let arguments = (ins R1_Activation:$q, R1_Weight:$kv_b, Optional<F32Tensor>:$kv_b_scale, I64Attr:$heads, I64Attr:$nope,
                       I64Attr:$rope, I64Attr:$v);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$q `,` $kv_b (`scale` $kv_b_scale^)? attr-dict `:` functional-type(operands, results)";
}

def R1_LatentAttentionOp : R1_VerifiedOp<"latent_attention"> {
  let summary = "causal attention of absorbed queries over the cached latents themselves";
  let description = [{
    latent_attention_c1: q_latent and the result are `[T, heads * kv_lora]`, q is `[T, heads * (nope + rope)]` of which the rope part is read.
    latent_attention_c2: the layer exists in the cache.
  }];
  let arguments = (ins R1_Activation:$q_latent, R1_Activation:$q, R1_CacheType:$cache, R1_Ints:$positions, I64Attr:$layer,
                       I64Attr:$heads, I64Attr:$nope, F64Attr:$scale);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$q_latent `,` $q `,` $cache `,` $positions attr-dict `:` functional-type(operands, results)";
}

def R1_ExpandValueOp : R1_VerifiedOp<"expand_value"> {
  let summary = "W_UV of every head on its attended latent";
  let description = [{
    expand_value_c1: x is `[T, heads * kv_lora]`, kv_b `[heads * (nope + v), kv_lora]`, the result `[T, heads * v]`.
    expand_value_c2: a scale is present exactly where kv_b is f8E4M3FN.
  }];
  let arguments = (ins R1_Activation:$x, R1_Weight:$kv_b, Optional<F32Tensor>:$kv_b_scale, I64Attr:$heads, I64Attr:$nope, I64Attr:$v);
  let results = (outs R1_Activation:$result);
  let assemblyFormat = "$x `,` $kv_b (`scale` $kv_b_scale^)? attr-dict `:` functional-type(operands, results)";
}

//===-- choice of the next token -------------------------------------------------------------------------------===//

def R1_SampleOp : R1_VerifiedOp<"sample"> {
  let summary = "a token id from every row of logits: temperature, then top-k, then top-p, then one draw";
  let description = [{
    `options` and `draws` are what a step says of each row (kernels/registry/params.h, `SampleParams`): four words, 1 / temperature as the
    bits of a double, top-k and top-p; and a random number of 53 bits in two words. The choice is exact, so that every target chooses
    the same id from the same logits. -1 where a logit is NaN, the largest is not finite, or the options want no id.

    sample_c1: options are `[R, 4]`, draws `[R, 2]`.
    sample_c2: a row has fewer than 2^23 logits, so that its weights, of 2^40 at most, add up in 64 bits.
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$logits, 2DTensorOf<[I32]>:$options, 2DTensorOf<[I32]>:$draws);
  let results = (outs R1_Ints:$ids);
  let assemblyFormat = "$logits `,` $options `,` $draws attr-dict `:` functional-type(operands, results)";
}

//===-- fusion -------------------------------------------------------------------------------------------------===//

def R1_FusedOp : R1_VerifiedOp<"fused", [IsolatedFromAbove, SingleBlock]> {
  let summary = "operations that one kernel computes";
  let description = [{
    The body computes exactly what its operations say; `fusions` names the passes that put them together. Selection finds the
    operation a skeleton is built for (the anchor) and turns the others into its prologue and epilogue.

    fused_c1: the block's arguments have the types of the operands, the terminator's operands those of the results.
  }];
  let arguments = (ins Variadic<AnyType>:$inputs, StrArrayAttr:$fusions);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$fusions `(` $inputs `)` attr-dict-with-keyword `:` functional-type($inputs, $outputs) $body";
}

def R1_YieldOp : R1_Op<"yield", [Terminator, HasParent<"FusedOp">]> {
  let summary = "the results of a fused body";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif
