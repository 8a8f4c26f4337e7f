// Looks whether a master keeps the rules of AXI4: what is offered stays until it is taken, bursts stay within 4 KiB and
// are no longer than told, WLAST stands where it should, nothing is offered in reset.
module dq_axi_rules #(
    parameter int WIDTH = 64,
    parameter int ADDRESS = 40,
    parameter int MOST = 16,    // beats of a burst
    parameter NAME = "master"   // of no type: Icarus prints nothing of one
) (
    input logic               clk,
    input logic               rst,
    input logic [ADDRESS-1:0] araddr,
    input logic [        7:0] arlen,
    input logic [        2:0] arsize,
    input logic [        1:0] arburst,
    input logic               arvalid,
    input logic               arready,
    input logic               rlast,
    input logic               rvalid,
    input logic               rready,
    input logic [ADDRESS-1:0] awaddr,
    input logic [        7:0] awlen,
    input logic [        2:0] awsize,
    input logic [        1:0] awburst,
    input logic               awvalid,
    input logic               awready,
    input logic [  WIDTH-1:0] wdata,
    input logic [WIDTH/8-1:0] wstrb,
    input logic               wlast,
    input logic               wvalid,
    input logic               wready,
    input logic               bvalid,
    input logic               bready
);
  localparam int BYTES = WIDTH / 8;

  logic [ADDRESS+12:0] ar, aw, ar_before, aw_before;
  logic [WIDTH*9/8:0] w, w_before;
  logic ar_waits, aw_waits, w_waits;
  assign ar = {araddr, arlen, arsize, arburst};
  assign aw = {awaddr, awlen, awsize, awburst};
  assign w  = {wdata, wstrb, wlast};

  logic [7:0] lengths[0:63];  // of write bursts whose data are to come
  int begun, ended, beat, reads, bursts, beats, most;

  task automatic broken(input string what);
    $display("FAIL %0s breaks a rule of AXI: %0s", NAME, what);
    $finish;
  endtask

  task automatic look(input logic [ADDRESS-1:0] address, input logic [7:0] length, input logic [2:0] size,
                      input logic [1:0] burst);
    if (burst != 2'b01) broken("a burst that does not count upwards");
    if (32'(size) != $clog2(BYTES)) broken("beats that are not as wide as the bus");
    if (32'(address) % BYTES != 0) broken("an address that is no multiple of a beat");
    if (32'(address[11:0]) + (32'(length) + 1) * BYTES > 4096) broken("a burst that crosses 4 KiB");
    if (32'(length) + 1 > MOST) broken("a burst that is too long");
  endtask

  always @(posedge clk) begin
    if (rst) begin
      {ar_waits, aw_waits, w_waits} <= '0;
      begun = 0;
      ended = 0;
      beat = 0;
      reads = 0;
      bursts = 0;
      beats = 0;
      if (arvalid || awvalid || wvalid) broken("something is offered in reset");
    end else begin
      if (ar_waits && (!arvalid || ar !== ar_before)) broken("an address of a read is taken back");
      if (aw_waits && (!awvalid || aw !== aw_before)) broken("an address of a write is taken back");
      if (w_waits && (!wvalid || w !== w_before)) broken("a beat of a write is taken back");
      ar_waits <= arvalid && !arready;
      aw_waits <= awvalid && !awready;
      w_waits <= wvalid && !wready;
      {ar_before, aw_before, w_before} <= {ar, aw, w};
      if (arvalid && arready) begin
        look(araddr, arlen, arsize, arburst);
        reads = reads + 1;
        bursts = bursts + 1;
      end
      if (awvalid && awready) begin
        look(awaddr, awlen, awsize, awburst);
        lengths[begun%64] = awlen;
        begun = begun + 1;
      end
      if (wvalid && wready) begin
        // dq_axi offers a burst's address no later than its data
        if (begun - ended < 1 && !awvalid) broken("data of a write without an address");
        if (wlast != (beat == (begun > ended ? 32'(lengths[ended%64]) : 32'(awlen)))) broken("WLAST in the wrong place");
        beat = wlast ? 0 : beat + 1;
        if (wlast) ended = ended + 1;
      end
      if (rvalid && rready) begin
        beats = beats + 1;
        if (rlast) reads = reads - 1;
        if (reads < 0) broken("an answer to nothing");
      end
    end
  end

  logic unused;
  assign unused = bvalid && bready;
endmodule
