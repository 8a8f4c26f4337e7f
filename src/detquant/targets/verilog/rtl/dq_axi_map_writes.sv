// Writes words of maps: each is a burst of one beat with its strobes, as many on their way as LOG_FLIGHT allows.
//
// Address and data are on the bus in the cycle after the word was taken, a word in each cycle at best. The engine writes
// a word for many that it reads, so longer bursts would gain little.
module dq_axi_map_writes #(
    parameter int WORD = 32,
    parameter int PLACE = 16,
    parameter int ADDRESS = 40,
    parameter int LOG_FLIGHT = 4
) (
    input  logic               clk,
    input  logic               rst,
    output logic               idle,           // every write is answered
    output logic               failed,         // one cycle: an answer is an error
    input  logic [ADDRESS-1:0] base,           // a multiple of 4096
    input  logic               write_valid,
    output logic               write_ready,
    input  logic [  PLACE-1:0] write_address,
    input  logic [ WORD/8-1:0] write_strobe,
    input  logic [   WORD-1:0] write_data,
    output logic [ADDRESS-1:0] awaddr,
    output logic               awvalid,
    input  logic               awready,
    output logic [   WORD-1:0] wdata,
    output logic [ WORD/8-1:0] wstrb,
    output logic               wvalid,
    input  logic               wready,
    input  logic [        1:0] bresp,
    input  logic               bvalid
);
  localparam int LOG_BYTES = $clog2(WORD / 8);

  logic [LOG_FLIGHT:0] flight;
  logic take;
  assign write_ready = (!awvalid || awready) && (!wvalid || wready) && !flight[LOG_FLIGHT];
  assign take = write_valid && write_ready;
  assign idle = flight == '0;
  assign failed = bvalid && bresp[1];

  always_ff @(posedge clk) begin
    if (awready) awvalid <= 1'b0;
    if (wready) wvalid <= 1'b0;
    if (take) begin
      awvalid <= 1'b1;
      wvalid <= 1'b1;
      awaddr <= base + (ADDRESS'(write_address) << LOG_BYTES);
      wdata <= write_data;
      wstrb <= write_strobe;
    end
    if (take != bvalid) flight <= take ? flight + 1'b1 : flight - 1'b1;
    if (rst) begin
      awvalid <= 1'b0;
      wvalid  <= 1'b0;
      flight  <= '0;
    end
  end

  logic unused;
  assign unused = bresp[0];
endmodule
