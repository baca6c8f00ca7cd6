#pragma once
// examples/tool/: the program `regulus`. One file a subcommand; each adds itself to the command line and is called after parsing.
// Talk goes to stderr, results to stdout. Exit codes: 0 ok, 1 a negative answer (a comparison failed), 2 usage or bad input.
// CLI11 takes seconds to compile: only files that add options include it.

namespace CLI {
class App;
}

namespace tool {

/// What the chosen subcommand leaves for main() to return.
struct Outcome {
    int exit_code = 0;
};

void add_detect(CLI::App& app, Outcome& outcome);
void add_classify(CLI::App& app, Outcome& outcome);
void add_detect3d(CLI::App& app, Outcome& outcome);
void add_summary(CLI::App& app, Outcome& outcome);
void add_explain(CLI::App& app, Outcome& outcome);
void add_inspect(CLI::App& app, Outcome& outcome);
void add_convert(CLI::App& app, Outcome& outcome);
void add_verify(CLI::App& app, Outcome& outcome);
void add_bench(CLI::App& app, Outcome& outcome);
void add_eval(CLI::App& app, Outcome& outcome);
void add_train(CLI::App& app, Outcome& outcome);
void add_zoo(CLI::App& app, Outcome& outcome);
void add_completion(CLI::App& app, Outcome& outcome);

}  // namespace tool
