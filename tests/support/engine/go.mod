// What scripts/peer-engine builds the engine's programs from: the pinned version, and nothing of ours.
module workflow-plugin-cdc/tests/support/engine

go 1.26.5

require github.com/GoCodeAlone/workflow v0.85.4
