#include "api/bisect.h"

namespace godwit {

namespace {

class Trial {
 public:
  Trial(const Graph& source, const SimplifyOptions& rewriting, const ProofOptions& proof)
      : source_(source), rewriting_(rewriting), proof_(proof) {}

  /// The proof after at most `limit` rewrites (negative: all), and what the last of them was.
  Result<ProofReport> After(int64_t limit, Bisection* last) {
    Graph graph = source_.Clone();
    SimplifyOptions options = rewriting_;
    options.rewrite.limit = limit;
    options.rewrite.trace = [&](const RewriteEvent& event) {
      last->rule = event.rule;
      last->node.clear();
      last->op.clear();
      if (!event.node) return;
      const Origin& origin = graph.origin(graph.node(event.node).origin);
      last->node = origin.node;
      last->op = origin.op_type;
    };
    SimplifyReport report;
    RETURN_IF_ERROR(Simplify(graph, options, &report));
    if (limit < 0) last->total = report.total_rewrites;
    ++last->proofs;
    return Prove(source_, graph, proof_);
  }

 private:
  const Graph& source_;
  const SimplifyOptions& rewriting_;
  const ProofOptions& proof_;
};

}  // namespace

Result<Bisection> BisectRewrites(const Graph& source, const SimplifyOptions& rewriting, const ProofOptions& proof) {
  Trial trial(source, rewriting, proof);
  Bisection out;
  TRY(out.proof, trial.After(-1, &out));
  if (out.proof.verdict != Verdict::kDiffers) return out;
  int64_t good = 0, bad = out.total;
  while (bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    Bisection here;
    TRY(const ProofReport report, trial.After(middle, &here));
    ++out.proofs;
    (report.verdict == Verdict::kDiffers ? bad : good) = middle;
  }
  TRY(out.proof, trial.After(bad, &out));
  out.first_bad = bad;
  return out;
}

}  // namespace godwit
