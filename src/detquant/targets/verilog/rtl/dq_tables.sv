// Tables of activation functions: LANES of them, all alike, so that each lane looks up its own code every cycle.
//
// Two tables have room: one is used while that of a later instruction arrives, entry by entry. One memory for each lane
// is what FPGAs have; a memory of LANES ports is not.
module dq_tables #(
    parameter int LANES = 16,
    parameter int LOG_ENTRIES = 10
) (
    input  logic                         clk,
    input  logic                         rst,
    input  logic                         entry_valid,
    output logic                         entry_ready,
    input  logic [                  7:0] entry,
    output logic                         available,  // a table is there
    input  logic                         release_table,
    input  logic                         enable,
    input  logic [LANES*LOG_ENTRIES-1:0] places,
    output logic [          LANES*8-1:0] found       // a cycle later
);
  logic filling, using;
  logic [LOG_ENTRIES-1:0] place;

  dq_banks #(
      .COUNT(1 << LOG_ENTRIES),
      .INDEX(LOG_ENTRIES)
  ) banks (
      .clk(clk),
      .rst(rst),
      .word_valid(entry_valid),
      .word_ready(entry_ready),
      .filling(filling),
      .place(place),
      .available(available),
      .using(using),
      .release_bank(release_table)
  );

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : tables
      logic [7:0] entries[0:2*(1<<LOG_ENTRIES)-1];
      logic [7:0] seen;
      always_ff @(posedge clk) begin
        if (entry_valid && entry_ready) entries[{filling, place}] <= entry;
        if (enable) seen <= entries[{using, places[LOG_ENTRIES*lane+:LOG_ENTRIES]}];
      end
      assign found[8*lane+:8] = seen;
    end
  endgenerate
endmodule
