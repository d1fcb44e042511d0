#include "compiler/checkpoint/Rotary.h"
#include <algorithm>
#include <cmath>
#include <numbers>

namespace r1::checkpoint {

double yarnMscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double softmaxScale(const ModelConfig& config) {
  double scale = 1.0 / std::sqrt(static_cast<double>(config.qkHeadDim()));
  if (!config.yarn || config.yarn->mscaleAllDim == 0)
    return scale;
  double mscale = yarnMscale(config.yarn->factor, config.yarn->mscaleAllDim);
  return scale * mscale * mscale;
}

double cosSinFactor(const ModelConfig& config) {
  if (!config.yarn)
    return 1.0;
  const Yarn& yarn = *config.yarn;
  if (yarn.attentionFactor)
    return *yarn.attentionFactor;
  if (yarn.mscale != 0 && yarn.mscaleAllDim != 0)
    return yarnMscale(yarn.factor, yarn.mscale) / yarnMscale(yarn.factor, yarn.mscaleAllDim);
  return yarnMscale(yarn.factor, 1.0);
}

std::vector<float> inverseFrequencies(const ModelConfig& config) {
  int64_t dim = config.qkRopeHeadDim;
  std::vector<float> frequencies(static_cast<size_t>(dim / 2));
  double low = 0, high = 0;
  if (config.yarn) {
    const Yarn& yarn = *config.yarn;
    auto dimensionTurning = [&](double turns) {
      double positions = static_cast<double>(yarn.originalMaxPosition);
      return static_cast<double>(dim) * std::log(positions / (turns * 2 * std::numbers::pi)) /
             (2 * std::log(config.ropeTheta));
    };
    low = dimensionTurning(yarn.betaFast);
    high = dimensionTurning(yarn.betaSlow);
    if (yarn.truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(dim - 1));
    if (static_cast<float>(high - low) == 0) // Kimi-K2 has betaFast == betaSlow
      high += 0.001;
  }
  for (size_t i = 0; i < frequencies.size(); ++i) {
    float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
    float period = static_cast<float>(std::pow(config.ropeTheta, static_cast<double>(exponent)));
    float plain = 1.0f / period;
    if (!config.yarn) {
      frequencies[i] = plain;
      continue;
    }
    float stretched = 1.0f / (static_cast<float>(config.yarn->factor) * period);
    float ramp = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    float keep = 1.0f - std::clamp(ramp, 0.0f, 1.0f);
    frequencies[i] = stretched * (1.0f - keep) + plain * keep;
  }
  return frequencies;
}

} // namespace r1::checkpoint
