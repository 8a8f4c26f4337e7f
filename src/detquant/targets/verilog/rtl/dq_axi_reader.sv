// Reads one stream from memory, from its first byte to its last, and gives it row by row.
//
// It asks for a burst only when its queue has room for all of it, so no answer ever waits for the engine and streams do
// not hold each other up. Bursts begin at multiples of their size, as the base does (4 KiB): none crosses a boundary of
// 4 KiB; the last one may be shorter. Its last beat may reach beyond the stream's end, by less than a beat.
//
// A row is there two cycles after the beat that completes it.
module dq_axi_reader #(
    parameter int BUS = 64,       // bits of the bus
    parameter int ADDRESS = 40,   // bits of an address of a byte
    parameter int LOG_BURST = 4,  // beats of a burst
    parameter int ROW = 32        // bits of a row
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,      // one cycle
    input  logic [ADDRESS-1:0] base,
    input  logic [       31:0] bytes,
    // requests
    output logic               want,
    input  logic               granted,
    output logic [ADDRESS-1:0] want_address,
    output logic [        7:0] want_length,  // beats less 1
    // answers
    input  logic               beat_valid,
    input  logic [    BUS-1:0] beat,
    // rows
    output logic               row_valid,
    input  logic               row_ready,
    output logic [    ROW-1:0] row,
    output logic               ended         // all of it was given
);
  localparam int BYTES = BUS / 8;
  localparam int LOG_BYTES = $clog2(BYTES);
  localparam int ROW_BYTES = (ROW + 7) / 8;
  localparam int LOG_QUEUE = LOG_BURST + 1;  // of two bursts

  logic [31:0] unasked, ungiven;  // beats, bytes
  logic [LOG_QUEUE:0] room;       // beats that are neither in the queue nor on their way to it
  logic [LOG_QUEUE:0] burst;

  assign burst = unasked >= 32'(1 << LOG_BURST) ? (LOG_QUEUE + 1)'(1 << LOG_BURST) : unasked[LOG_QUEUE:0];
  assign want = unasked != '0 && room >= burst;
  assign want_length = 8'(burst) - 8'd1;

  logic queued_valid, queued_ready, unused_ready;
  logic [BUS-1:0] queued;
  dq_fifo #(
      .WIDTH(BUS),
      .LOG_DEPTH(LOG_QUEUE)
  ) queue (
      .clk(clk),
      .rst(rst),
      .in_valid(beat_valid),
      .in_ready(unused_ready),
      .in_data(beat),
      .out_valid(queued_valid),
      .out_ready(queued_ready),
      .out_data(queued)
  );

  logic whole_valid, whole_ready;
  logic [8*ROW_BYTES-1:0] whole;
  dq_axi_rows #(
      .BEAT(BYTES),
      .ROW (ROW_BYTES)
  ) rows (
      .clk(clk),
      .rst(rst),
      .beat_valid(queued_valid),
      .beat_ready(queued_ready),
      .beat(queued),
      .row_valid(whole_valid),
      .row_ready(whole_ready),
      .row(whole)
  );
  assign ended = ungiven < 32'(ROW_BYTES);
  assign row_valid = whole_valid && !ended;
  assign whole_ready = row_ready && !ended;
  assign row = whole[ROW-1:0];
  generate
    if (8 * ROW_BYTES != ROW) begin : padded
      logic unused;
      assign unused = ^whole[8*ROW_BYTES-1:ROW];
    end
  endgenerate

  always_ff @(posedge clk) begin
    if (granted) begin
      want_address <= want_address + (ADDRESS'(burst) << LOG_BYTES);
      unasked <= unasked - 32'(burst);
    end
    room <= room - (granted ? burst : '0) + (LOG_QUEUE + 1)'(queued_valid && queued_ready);
    if (row_valid && row_ready) ungiven <= ungiven - 32'(ROW_BYTES);
    if (start) begin
      want_address <= base;
      unasked <= (bytes >> LOG_BYTES) + 32'(|bytes[LOG_BYTES-1:0]);
      ungiven <= bytes;
    end
    if (rst) begin
      unasked <= '0;
      ungiven <= '0;
      room <= (LOG_QUEUE + 1)'(1 << LOG_QUEUE);
    end
  end
endmodule
