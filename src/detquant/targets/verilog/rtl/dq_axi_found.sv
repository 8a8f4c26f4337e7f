// Writes detections to memory: 16 bytes each, one behind the other from a base, and counts them.
//
// A detection is a burst of 128 / BUS beats; the next one is taken when its last beat is accepted. The count goes back
// to 0 at `start`.
module dq_axi_found #(
    parameter int BUS = 64,
    parameter int ADDRESS = 40,
    parameter int LOG_FLIGHT = 3
) (
    input  logic               clk,
    input  logic               rst,
    input  logic               start,
    output logic               idle,         // every write is answered
    output logic               failed,       // one cycle: an answer is an error
    input  logic [ADDRESS-1:0] base,
    output logic [       31:0] count,
    output logic [       31:0] left_out,
    // detections
    input  logic               found_valid,
    output logic               found_ready,
    input  logic               found_end,
    input  logic [      127:0] found_word,
    input  logic [       31:0] found_left_out,
    // bus
    output logic [ADDRESS-1:0] awaddr,
    output logic               awvalid,
    input  logic               awready,
    output logic [    BUS-1:0] wdata,
    output logic               wlast,
    output logic               wvalid,
    input  logic               wready,
    input  logic [        1:0] bresp,
    input  logic               bvalid
);
  localparam int BEATS = 128 / BUS;
  localparam int INDEX = BEATS > 1 ? $clog2(BEATS) : 1;

  logic [127:0] word;
  logic [INDEX-1:0] beat;
  logic [LOG_FLIGHT:0] flight;
  logic take;

  assign found_ready = !awvalid && !wvalid && !flight[LOG_FLIGHT];
  assign take = found_valid && found_ready && !found_end;
  assign wdata = word[BUS-1:0];
  assign wlast = 32'(beat) == BEATS - 1;
  assign idle = flight == '0;
  assign failed = bvalid && bresp[1];

  always_ff @(posedge clk) begin
    if (awready) awvalid <= 1'b0;
    if (wvalid && wready) begin
      beat <= beat + 1'b1;
      word <= word >> BUS;
      if (wlast) begin
        beat   <= '0;
        wvalid <= 1'b0;
      end
    end
    if (found_valid && found_ready && found_end) left_out <= found_left_out;
    if (take) begin
      awvalid <= 1'b1;
      wvalid <= 1'b1;
      awaddr <= base + (ADDRESS'(count) << 4);
      word <= found_word;
      count <= count + 1'b1;
    end
    if (take != bvalid) flight <= take ? flight + 1'b1 : flight - 1'b1;
    if (start || rst) begin
      count <= '0;
      left_out <= '0;
    end
    if (rst) begin
      awvalid <= 1'b0;
      wvalid <= 1'b0;
      beat <= '0;
      flight <= '0;
    end
  end

  logic unused;
  assign unused = bresp[0];
endmodule
