/* routes.tsx -- all routes side by side: how their durations spread, by total time. */
import type { RoutesAnswer } from "../api/types";
import { showMs, showShare } from "../model/show";
import { question } from "../model/where";
import { Boxes } from "./chart";
import { RouteTable } from "./overview";
import { Answer, Answered, Section } from "./parts";
import { useAsk, useWhere } from "./use";

const BOXES_MOST = 30;

export function Routes() {
  const { scope, link } = useWhere();
  const asked = useAsk<RoutesAnswer>(question("routes", scope));
  return (
    <Answered asked={asked}>
      {({ routes }) => {
        if (routes.length === 0) return <Answer>No request is in this selection.</Answer>;
        const whole = routes.reduce((sum, row) => sum + row.total_ms, 0);
        const first = routes[0];
        return (
          <>
            <Answer>
              {routes.length === 1 ? "One route: " : `${routes.length} routes; `}
              <a href={link("route", { route: first.route })}>{first.route}</a> takes{" "}
              {showShare(first.total_ms, whole)} of all time, {showMs(first.p50_ms)} at the median.
            </Answer>
            <Section
              title="Durations"
              note="line: p5 to p95, box: middle half, stroke: median; one logarithmic scale"
            >
              <Boxes routes={routes.slice(0, BOXES_MOST)} href={(route) => link("route", { route })} />
              {routes.length > BOXES_MOST && <p class="pale">The {BOXES_MOST} routes with the most time.</p>}
            </Section>
            <Section title="Figures">
              <RouteTable routes={routes} />
            </Section>
          </>
        );
      }}
    </Answered>
  );
}
