// One function's selection: state shared by the rules, which stand in Select*.cpp by kind of anchor.
#pragma once
#include "compiler/select/HoleBuilder.h"
#include "compiler/select/Schedules.h"
#include "compiler/select/Weights.h"
#include "compiler/target/Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace r1::select {

/// A dispatch in the making.
struct Dispatch {
  llvm::StringRef skeleton;
  llvm::SmallVector<mlir::NamedAttribute> params;
  llvm::SmallVector<mlir::Value> inputs; // fixed inputs; the holes' operands are appended
  llvm::SmallVector<mlir::Type> outputs; // fixed outputs, then what the storing hole yields
  int64_t fixedOutputs = 0;
  mlir::Value extended; // the cache before this dispatch wrote to it: last operand, for the order alone
  llvm::SmallVector<int64_t> grid;
  int64_t weightBytes = 0, flopsPerToken = 0;
  int64_t positionBytes = 0, flopsPerPair = 0; // attention: runtime/artifact/artifact.fbs
  double expertFraction = 1;
  std::optional<int64_t> layer;            // of the cache it reads or writes
  llvm::SmallVector<mlir::Attribute> maps; // kern.tensor_map
  llvm::SmallVector<std::unique_ptr<mlir::Region>> holes;
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> holeOperands;

  void param(mlir::Builder& b, llvm::StringRef name, int64_t value) {
    params.push_back(b.getNamedAttr(name, b.getI64IntegerAttr(value)));
  }
  void param(mlir::Builder& b, llvm::StringRef name, double value) {
    params.push_back(b.getNamedAttr(name, b.getF64FloatAttr(value)));
  }
};

class Selector {
public:
  explicit Selector(mlir::func::FuncOp function);
  /// Replaces every r1 operation of the function; an error is already reported where it fails.
  mlir::LogicalResult run();

private:
  // By anchor; each replaces `op`'s results.
  mlir::LogicalResult selectRows(ir::FusedOp op);
  mlir::LogicalResult selectLinear(ir::FusedOp op);
  mlir::LogicalResult selectExperts(ir::FusedOp op);
  mlir::LogicalResult selectRouter(ir::FusedOp op);
  mlir::LogicalResult selectCacheAppend(ir::FusedOp op);
  mlir::LogicalResult selectEmbed(ir::EmbedOp op);
  mlir::LogicalResult selectQuantize(ir::QuantizeRowsOp op);
  mlir::LogicalResult selectGather(ir::GatherRowsOp op);
  mlir::LogicalResult selectSample(ir::SampleOp op);
  mlir::LogicalResult selectRopeTable(ir::RopeTableOp op);
  mlir::LogicalResult selectRope(ir::RopeOp op);
  mlir::LogicalResult selectAttention(ir::AttentionOp op);
  mlir::LogicalResult selectHeads(mlir::Operation* op, mlir::Value x, WeightRef kvB, int64_t heads,
                                  int64_t rowsPerHead, int64_t begin, int64_t count, bool transposed,
                                  int64_t xBatchStride);
  mlir::LogicalResult selectLatentAttention(ir::LatentAttentionOp op);
  /// sm_90a's warp groups can take this cache.
  bool useWarpGroups(ir::CacheType cache) const;
  /// [planes][rows][columns] of bf16 in fixed buffer `argument`, a box 64 rows of 64 columns.
  mlir::Attribute chunkMap(int64_t argument, int64_t columns, int64_t stride, int64_t rows, int64_t planes);
  mlir::Attribute cacheMap(int64_t argument, ir::CacheType cache);

  /// On sm_90a, a linear layer of many rows whose x the copy engine can read becomes the skeleton that has it do so.
  void useTensorMaps(Dispatch& dispatch, mlir::Value x, int64_t rows, int64_t n, int64_t k, int64_t batch,
                     int64_t xBatchStride, int64_t accumulators, const GemmTiles& tiles);
  /// Creates the dispatch and returns its results; `fusions` and location come from `at`.
  mlir::ValueRange emit(mlir::Operation* at, Dispatch& dispatch, int64_t rowsDim) {
    auto fused = llvm::dyn_cast<ir::FusedOp>(at);
    return emit(at->getLoc(), dispatch, rowsDim, fused ? fused.getFusions() : mlir::ArrayAttr());
  }
  mlir::ValueRange emit(mlir::Location loc, Dispatch& dispatch, int64_t rowsDim,
                        mlir::ArrayAttr fusions = {});
  /// A new hole of the dispatch, to be filled through the returned builder and closed by `close`.
  HoleBuilder open(Dispatch& dispatch, const Body& body, int leading);
  void close(Dispatch& dispatch, const HoleBuilder& hole);
  /// A hole that stores its single leading value as it is.
  void storeHole(Dispatch& dispatch, mlir::Location loc);
  /// map and finish around a norm (or none): v = map(lead), outputs = finish(v, rstd). `lead` binds the combined experts.
  mlir::LogicalResult normHoles(Dispatch& dispatch, const Body& body, ir::RmsNormOp norm, mlir::Value lead,
                                mlir::ValueRange outputs, bool store);
  mlir::LogicalResult replaceWithDispatch(ir::FusedOp op, Dispatch& dispatch, int64_t rowsDim);

  int64_t rowsDimOf(mlir::Value value) const;
  int64_t maxRows(int64_t rowsDim) const { return rowsDim == 1 ? maxLogitRows : maxTokens; }
  mlir::Value groupsOf(mlir::Value ids, int64_t experts);
  /// Of a vector of one i32 a token, those of the tokens that `rows` names.
  mlir::Value gatherWords(mlir::Value words, mlir::Value rows, mlir::Location loc);

  mlir::func::FuncOp function;
  mlir::OpBuilder builder;
  Machine machine;
  int chip; // whose schedules are chosen, of a GPU
  int64_t maxTokens, maxLogitRows, maxContext;
  int64_t maxBatch; // sequences whose pages the cache may hold; 0: unknown
  llvm::DenseMap<mlir::Value, int64_t> rowsDims;
  llvm::DenseMap<mlir::Value, mlir::Value> groups;
};

/// Elements between rows: columns rounded up to 16, or what a slice is cut from.
int64_t rowStride(mlir::Value value);
int64_t columnsOf(mlir::Value value);
int64_t elementTypeCode(mlir::Value value);

} // namespace r1::select
