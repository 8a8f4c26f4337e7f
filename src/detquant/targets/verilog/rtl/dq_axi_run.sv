// Says what the wrapper does: takes an image, runs the program, and lets the buses come to rest in between.
//
//   IDLE -> IMAGE -> RUN -> DRAIN -> IDLE      an error or a soft reset leads to DRAIN from anywhere
//
// In DRAIN the detector and the readers are held in reset and nothing new is asked for on the buses, but what they have
// accepted is waited for: AXI allows nothing else. An error there is one of the run still.
module dq_axi_run #(
    parameter int ERRORS = 11
) (
    input  logic              clk,
    input  logic              rst,
    // orders, one cycle each
    input  logic              order_start,
    input  logic              order_image,
    input  logic              order_reset,
    // facts
    input  logic              misaligned,     // a base that a run, or an image, makes use of
    input  logic              image_busy,
    input  logic              finished,       // one cycle: the detector's
    input  logic              retired,
    input  logic              quiet,          // all that was asked for on the buses is answered
    input  logic              writes_quiet,   // all writes of maps are
    input  logic              moves,          // one cycle each
    input  logic              desc_missing,   // the detector wants a descriptor and there will be none
    input  logic [       3:0] bus_failed,     // map reads, map writes, stream reads, detections; one cycle each
    input  logic [       2:0] image_wrong,    // line early, line late, frame; one cycle each
    input  logic [      31:0] patience,
    // what is to be done
    output logic              start_image,    // one cycle each
    output logic              start_run,
    output logic              clear,
    output logic              hold,           // reads of maps wait for the writes before them
    // what registers say
    output logic              imaging,
    output logic              running,
    output logic              draining,
    output logic              complete,       // the last run has come to its end
    output logic [ERRORS-1:0] errors_set,     // one cycle each, as the bits of ERRORS
    output logic              event_finished, // one cycle each
    output logic              event_image,
    output logic              event_reset,
    input  logic              refused,        // an error stands
    output logic [      31:0] cycles,
    output logic [      31:0] instructions
);
  localparam logic [1:0] IDLE = 2'd0, IMAGE = 2'd1, RUN = 2'd2, DRAIN = 2'd3;

  logic [1:0] state;
  logic then_run;      // behind the image
  logic good, resets;  // of what is drained: it came to its end; it was the host's wish
  logic barrier;       // an instruction has ended whose writes may be on their way
  logic [31:0] still;

  logic wants, idle, broken, too_still;
  assign wants = order_start || order_image;
  assign idle = state == IDLE;
  assign imaging = state == IMAGE;
  assign running = state == RUN;
  assign draining = state == DRAIN;
  assign clear = draining;
  assign hold = draining || (barrier && !writes_quiet);
  assign too_still = (imaging || running) && patience != '0 && still == patience;

  assign errors_set[dq_addresses::ERRORS_MAPS_READ_AT] = bus_failed[0];
  assign errors_set[dq_addresses::ERRORS_MAPS_WRITE_AT] = bus_failed[1];
  assign errors_set[dq_addresses::ERRORS_DATA_READ_AT] = bus_failed[2];
  assign errors_set[dq_addresses::ERRORS_DATA_WRITE_AT] = bus_failed[3];
  assign errors_set[dq_addresses::ERRORS_MISALIGNED_AT] = idle && wants && !refused && misaligned;
  assign errors_set[dq_addresses::ERRORS_REFUSED_AT] = wants && !order_reset && (!idle || refused);
  assign errors_set[dq_addresses::ERRORS_LINE_EARLY_AT] = image_wrong[0];
  assign errors_set[dq_addresses::ERRORS_LINE_LATE_AT] = image_wrong[1];
  assign errors_set[dq_addresses::ERRORS_FRAME_AT] = image_wrong[2];
  assign errors_set[dq_addresses::ERRORS_DESC_ENDED_AT] = running && desc_missing;
  assign errors_set[dq_addresses::ERRORS_STILL_AT] = too_still;
  assign broken = bus_failed != '0 || image_wrong != '0 || (running && desc_missing) || too_still;

  always_ff @(posedge clk) begin
    {start_image, start_run, event_finished, event_image, event_reset} <= '0;
    still <= moves || idle || start_image || start_run ? '0 : still + 1'b1;
    barrier <= running && (retired || (barrier && !writes_quiet));
    if (running) begin
      cycles <= cycles + 1'b1;
      if (retired) instructions <= instructions + 1'b1;
    end
    case (state)
      IDLE: begin
        good <= 1'b0;
        if (wants && !refused && !misaligned) begin
          state <= order_image ? IMAGE : RUN;
          start_image <= order_image;
          start_run <= !order_image;
          then_run <= order_image && order_start;
          if (order_start) complete <= 1'b0;
        end
      end
      IMAGE:
      if (!image_busy && !start_image && writes_quiet) begin
        event_image <= 1'b1;
        state <= then_run ? RUN : IDLE;
        start_run <= then_run;
      end
      RUN:
      if (finished) begin
        good  <= 1'b1;
        state <= DRAIN;
      end
      default:
      if (quiet) begin
        state <= IDLE;
        resets <= 1'b0;
        event_reset <= resets;
        if (good && !broken && !order_reset) begin
          complete <= 1'b1;
          event_finished <= 1'b1;
        end
      end
    endcase
    if (start_run) begin
      cycles <= '0;
      instructions <= '0;
      barrier <= 1'b0;
    end
    if (broken) begin
      if (!idle) state <= DRAIN;
      good <= 1'b0;
      {start_run, event_image} <= '0;
    end
    if (order_reset) begin
      state <= DRAIN;
      resets <= 1'b1;
      good <= 1'b0;
      complete <= 1'b0;
      {start_image, start_run, event_image} <= '0;
    end
    if (rst) begin
      state <= IDLE;
      {start_image, start_run, event_finished, event_image, event_reset} <= '0;
      {complete, good, resets, barrier} <= '0;
      {cycles, instructions} <= '0;
    end
  end
endmodule
