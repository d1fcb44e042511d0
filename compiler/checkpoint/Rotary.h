// Numbers that follow from a ModelConfig's rotary embedding: the angle of each pair, the factor on cosine and
// sine, and the scale before the softmax. Shapes: rope = qk_rope_head_dim, pairs = rope / 2.
#pragma once
#include "compiler/checkpoint/ModelConfig.h"

namespace r1::checkpoint {

// YaRN's 0.1 * mscale * ln(factor) + 1, or 1 for factor <= 1 (arXiv 2309.00071, section 3.4; DeepSeek's
// yarn_get_mscale).
double yarnMscale(double factor, double mscale);

// (nope + rope)^-0.5, times yarnMscale(factor, mscale_all_dim)^2 where YaRN and mscale_all_dim are given. R1:
// 0.1352338. Applied at every length: DeepSeek's demo (inference/model.py) does it only beyond the original
// context, transformers and every serving engine always.
double softmaxScale(const ModelConfig& config);

// What cosine and sine are multiplied with: attention_factor if given, else yarnMscale(factor, mscale) /
// yarnMscale(factor, mscale_all_dim) where both are given (R1: exactly 1), else yarnMscale(factor, 1); 1
// without YaRN. differs: with mscale_all_dim absent DeepSeek's code takes yarnMscale(factor, mscale),
// transformers ignores mscale.
double cosSinFactor(const ModelConfig& config);

// The angle per position of each pair, [pairs]. Without YaRN theta^(-2i/rope); with YaRN that (high
// frequencies) blended into it / factor (low ones) by a ramp over the pairs between the dimensions that turn
// betaFast and betaSlow times within originalMaxPosition. Every step is rounded to float as transformers does
// (_compute_yarn_parameters): at long positions an angle shows each of these roundings.
std::vector<float> inverseFrequencies(const ModelConfig& config);

} // namespace r1::checkpoint
